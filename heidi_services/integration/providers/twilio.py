"""Twilio: base64 HMAC-SHA1 over the URL and the sorted form fields, or over a URL that holds the hash of a JSON body.

https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from .base import (
    Call,
    Config,
    Credentials,
    Inbound,
    Provider,
    Received,
    Refused,
    digest_of,
    needs,
    octets,
    require_equal,
)

API = "https://api.twilio.com"
_PORTS = {"https": 443, "http": 80}
_FORM = "application/x-www-form-urlencoded"


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    given = octets(inbound.header("X-Twilio-Signature"))
    fields = _signed_fields(inbound)
    expected = [_signature(credentials["authToken"], url + fields) for url in _with_and_without_port(inbound.url)]
    require_equal(given, *expected)


def _signed_fields(inbound: Inbound) -> str:
    hashes = parse_qs(urlsplit(inbound.url).query).get("bodySHA256")
    if hashes:
        require_equal(octets(hashes[0].lower()), hashlib.sha256(inbound.body).hexdigest().encode())
        return ""
    if not inbound.headers.get("content-type", "").lower().startswith(_FORM):
        # Without the hash nothing ties such a body to the signature.
        raise Refused("neither form fields nor bodySHA256")
    form = _form(inbound.body)
    return "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))


def _form(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode(), keep_blank_values=True, errors="strict")


def _signature(token: str, signed: str) -> bytes:
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest())


def _with_and_without_port(url: str) -> tuple[str, str]:
    """Twilio signs sometimes the one, sometimes the other."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit(":", 1)[0] if parts.port else parts.netloc
    port = parts.port or _PORTS[parts.scheme]
    return urlunsplit(parts._replace(netloc=f"{host}:{port}")), urlunsplit(parts._replace(netloc=host))


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    form = _form(inbound.body) if "bodySHA256=" not in inbound.url else {}
    first = {name: values[0] for name, values in form.items()}
    status = first.get("MessageStatus") or first.get("SmsStatus") or first.get("CallStatus")
    sid = first.get("MessageSid") or first.get("SmsSid") or first.get("CallSid")
    own_id = f"{sid}:{status}" if sid and status else digest_of(inbound.body)
    return [Received(inbound.headers.get("i-twilio-idempotency-token") or own_id, status or "unknown", inbound.body)]


def reply(inbound: Inbound) -> tuple[bytes, str]:
    """Twilio reports an error to the account's owner for an answer that is not TwiML."""
    return b"<Response/>", "text/xml"


def probe(credentials: Credentials) -> Call | None:
    sid, token = credentials.get("accountSid"), credentials.get("authToken")
    if not sid or not token:
        return None
    basic = base64.b64encode(f"{sid}:{token}".encode()).decode()
    return Call("GET", f"{API}/2010-04-01/Accounts/{quote(sid, safe='')}.json", {"Authorization": f"Basic {basic}"})


PROVIDER = Provider(
    name="TWILIO",
    credentials=frozenset({"accountSid", "authToken"}),
    opened_by=needs("authToken"),
    verify=verify,
    events=events,
    reply=reply,
    probe=probe,
)
