"""What proves who called us, and how Twilio and SendGrid sign: for receipts of our own messages and for integrations.

Everything works on the raw bytes of the body: a parsed and re-written body has another signature.
https://www.twilio.com/docs/usage/security#validating-requests
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import parse_qs, urlsplit, urlunsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

TWILIO = "X-Twilio-Signature"
SENDGRID = "X-Twilio-Email-Event-Webhook-Signature"
SENDGRID_TIME = "X-Twilio-Email-Event-Webhook-Timestamp"
SENDGRID_TOLERANCE = 24 * 3600
"""SendGrid repeats the same signed request for a day, so a narrow window would refuse its retries."""

_UNIX_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_PORTS = {"https": 443, "http": 80}
_FORM = "application/x-www-form-urlencoded"


class InvalidSignature(Exception):
    """The request does not prove its sender. The reason is for the owner's log, never for the answer."""


def header_bytes(header: str) -> bytes:
    """WSGI hands headers over as latin-1: this gives back the bytes that were on the wire."""
    return header.encode("latin-1")


def require_equal(given: bytes, *wanted: bytes) -> None:
    """Constant-time on bytes: `compare_digest` raises on text outside ASCII. Every candidate is compared."""
    matches = [hmac.compare_digest(given, candidate) for candidate in wanted]
    if not any(matches):
        raise InvalidSignature("signature does not match")


def require_fresh(timestamp: str, now: float, tolerance: float) -> None:
    """Both ways: a timestamp in the future is as wrong as an old one."""
    if not _UNIX_SECONDS.fullmatch(timestamp):
        raise InvalidSignature("timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature("timestamp is outside the tolerance")


def require_twilio(given: str, *, url: str, content_type: str, body: bytes, token: str) -> None:
    """base64 HMAC-SHA1 over the URL and the sorted form fields, or over a URL that holds the hash of a JSON body."""
    signed = _twilio_fields(url, content_type, body)
    # SHA-1 is Twilio's choice; as an HMAC it still stands.
    keyed = [hmac.new(token.encode(), (form + signed).encode(), hashlib.sha1) for form in _twilio_urls(url)]
    require_equal(header_bytes(given), *(base64.b64encode(one.digest()) for one in keyed))


def parse_form(body: bytes) -> dict[str, list[str]]:
    """The fields of a form, empty ones too. Raises ValueError for what is not UTF-8."""
    return parse_qs(body.decode(), keep_blank_values=True, errors="strict")


def _twilio_fields(url: str, content_type: str, body: bytes) -> str:
    hashes = parse_qs(urlsplit(url).query).get("bodySHA256")
    if hashes:
        require_equal(header_bytes(hashes[0].lower()), hashlib.sha256(body).hexdigest().encode())
        return ""
    if not content_type.lower().startswith(_FORM):
        # Without the hash nothing ties such a body to the signature.
        raise InvalidSignature("neither form fields nor bodySHA256")
    form = parse_form(body)
    return "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))


def _twilio_urls(url: str) -> tuple[str, str]:
    """Twilio signs sometimes the one with a port, sometimes the one without."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit(":", 1)[0] if parts.port else parts.netloc
    port = parts.port or _PORTS[parts.scheme]
    return urlunsplit(parts._replace(netloc=f"{host}:{port}")), urlunsplit(parts._replace(netloc=host))


def sendgrid_key(encoded: str) -> ec.EllipticCurvePublicKey:
    """The public key as SendGrid shows it: base64 of DER, on the curve P-256."""
    key = load_der_public_key(base64.b64decode(encoded, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidSignature("the public key is not on the curve P-256")
    return key


def require_sendgrid(
    given: str, timestamp: str, *, body: bytes, key: str, now: float, tolerance: float = SENDGRID_TOLERANCE
) -> None:
    """ECDSA P-256 / SHA-256 over `timestamp + body`, the body with its trailing CRLF: it is part of what was signed."""
    require_fresh(timestamp, now, tolerance)
    signature = base64.b64decode(header_bytes(given), validate=True)
    sendgrid_key(key).verify(signature, header_bytes(timestamp) + body, ec.ECDSA(SHA256()))
