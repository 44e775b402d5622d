"""Verify the signatures of webhooks that are received, with the schemes of Twilio and SendGrid.

Delivery receipts of notifications and the webhooks of integrations both use them. (Outgoing webhooks are signed in
`heidi_services/integration/webhook_signing.py`.) Signatures are verified over the raw
bytes of the body, because a body that was parsed and serialized again has another signature.

Source: https://www.twilio.com/docs/usage/security#validating-requests
Source: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit, urlunsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from heidi_common.crypto.clock_skew import LEEWAY_SECONDS
from heidi_common.crypto.webhook_timestamps import parse_timestamp

TWILIO_SIGNATURE_HEADER = "X-Twilio-Signature"
SENDGRID_SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
SENDGRID_TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
SENDGRID_TOLERANCE_SECONDS = 24 * 3600
"""SendGrid repeats a request with the same signature for a day, so a smaller tolerance would reject its retries."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_FORM_TYPE = "application/x-www-form-urlencoded"


class InvalidSignature(Exception):
    """The signature of a request is invalid. The reason is for the owner's log and must not be in the response."""


def header_bytes(header: str) -> bytes:
    """The bytes of a header as they were received. WSGI decodes headers as Latin-1."""
    return header.encode("latin-1")


def verify_any_equal(signature: bytes, *candidates: bytes) -> None:
    """Verify that a signature equals one of several candidates, in constant time.

    Args:
        signature: Bytes, because `compare_digest` does not accept text outside of ASCII.
        candidates: All of them are compared.

    Raises:
        InvalidSignature: No candidate is equal.
    """
    matches = [hmac.compare_digest(signature, candidate) for candidate in candidates]
    if not any(matches):
        raise InvalidSignature("signature does not match")


def verify_hex(signature: str, *digests: str) -> None:
    """Verify that a hexadecimal signature equals one of several digests, in constant time and in either case.

    Args:
        signature: The value of a header.
        digests: Hexadecimal digests, with the prefix of the header.

    Raises:
        InvalidSignature: No digest is equal.
    """
    verify_any_equal(header_bytes(signature).lower(), *(digest.lower().encode() for digest in digests))


def verify_timestamp(timestamp: str, now: float, tolerance: float) -> None:
    """Verify that a signed timestamp is recent.

    Args:
        timestamp: A time in a format of `parse_timestamp`.
        now: The current Unix time in seconds.
        tolerance: The largest difference, in seconds, into the past and into the future, at least
            LEEWAY_SECONDS.

    Raises:
        InvalidSignature: The timestamp cannot be read or is outside of the tolerance.
    """
    try:
        signed_at = parse_timestamp(timestamp)
    except (ValueError, TypeError, OverflowError):
        raise InvalidSignature("timestamp is neither Unix time nor ISO 8601") from None
    if not abs(now - signed_at) <= max(tolerance, LEEWAY_SECONDS):
        raise InvalidSignature("timestamp is outside the tolerance")


def verify_twilio(signature: str, *, url: str, content_type: str, body: bytes, token: str) -> None:
    """Verify a signature of Twilio: HMAC-SHA1 over the URL and the sorted form fields.

    For a JSON body the signed URL contains the hash of the body (`bodySHA256`).

    Args:
        signature: The header X-Twilio-Signature, in Base64.
        url: The URL that Twilio has called, with its query.
        content_type: The Content-Type of the request.
        body: The raw body.
        token: The auth token of the account.

    Raises:
        InvalidSignature: The signature does not match, or the body is not covered by it.
        ValueError: The form is not UTF-8.
    """
    fields = _twilio_fields(url, content_type, body)
    # Twilio chose SHA-1. Its known weaknesses do not affect HMAC.
    macs = [hmac.digest(token.encode(), (form + fields).encode(), "sha1") for form in _twilio_urls(url)]
    verify_any_equal(header_bytes(signature), *map(base64.b64encode, macs))


def parse_form(body: bytes) -> dict[str, list[str]]:
    """Parse a URL-encoded form, with its empty fields.

    Raises:
        ValueError: The body is not UTF-8.
    """
    return parse_qs(body.decode(), keep_blank_values=True, errors="strict")


def _twilio_fields(url: str, content_type: str, body: bytes) -> str:
    hashes = parse_qs(urlsplit(url).query).get("bodySHA256")
    if hashes:
        verify_any_equal(header_bytes(hashes[0].lower()), hashlib.sha256(body).hexdigest().encode())
        return ""
    if not content_type.lower().startswith(_FORM_TYPE):
        # Without the hash the signature does not cover such a body.
        raise InvalidSignature("neither form fields nor bodySHA256")
    form = parse_form(body)
    return "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))


def _twilio_urls(url: str) -> tuple[str, str]:
    """The URL with and without the port: Twilio signs either form."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit(":", 1)[0] if parts.port else parts.netloc
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return urlunsplit(parts._replace(netloc=f"{host}:{port}")), urlunsplit(parts._replace(netloc=host))


def load_sendgrid_key(encoded: str) -> ec.EllipticCurvePublicKey:
    """Load the public key that SendGrid displays.

    Args:
        encoded: A key on the curve P-256, in DER and Base64.

    Raises:
        InvalidSignature: The key is on another curve.
        ValueError: The text is not such a key.
    """
    key = load_der_public_key(base64.b64decode(encoded, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidSignature("the public key is not on the curve P-256")
    return key


def verify_sendgrid(
    signature: str, timestamp: str, *, body: bytes, key: str, now: float, tolerance: float = SENDGRID_TOLERANCE_SECONDS
) -> None:
    """Verify a signature of SendGrid: ECDSA P-256 with SHA-256 over the timestamp and the body.

    Args:
        signature: The header X-Twilio-Email-Event-Webhook-Signature, in Base64.
        timestamp: The header X-Twilio-Email-Event-Webhook-Timestamp, in Unix seconds.
        body: The raw body, with its trailing CRLF, which is signed too.
        key: The public key, as in `load_sendgrid_key`.
        now: The current Unix time in seconds.
        tolerance: The largest difference between both times, in seconds.

    Raises:
        InvalidSignature: The timestamp is outside of the tolerance.
        cryptography.exceptions.InvalidSignature: The signature does not match.
        ValueError: The signature is not Base64, or the key cannot be loaded.
    """
    verify_timestamp(timestamp, now, tolerance)
    raw_signature = base64.b64decode(header_bytes(signature), validate=True)
    load_sendgrid_key(key).verify(raw_signature, header_bytes(timestamp) + body, ec.ECDSA(SHA256()))
