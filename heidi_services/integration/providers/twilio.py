"""Twilio: status callbacks and calls, signed over the URL and the form (`signatures`)."""

import base64
from collections.abc import Sequence
from urllib.parse import quote

from heidi_common.crypto import webhook_signatures
from heidi_services.integration.providers.base import (
    Call,
    Config,
    Credentials,
    Inbound,
    Provider,
    Received,
    digest_of,
    needs,
)

API = "https://api.twilio.com"


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    webhook_signatures.verify_twilio(
        inbound.header(webhook_signatures.TWILIO_SIGNATURE_HEADER),
        url=inbound.url,
        content_type=inbound.headers.get("content-type", ""),
        body=inbound.body,
        token=credentials["authToken"],
    )


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    form = webhook_signatures.parse_form(inbound.body) if "bodySHA256=" not in inbound.url else {}
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
