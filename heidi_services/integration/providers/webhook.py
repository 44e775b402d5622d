"""Any sender that signs by Standard Webhooks 1.0: `v1` with a shared secret, `v1a` with an Ed25519 key (`whpk_...`)."""

import base64
import json
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from heidi_common.crypto.webhook_verification import InvalidSignature, header_bytes, verify_any_equal, verify_timestamp
from heidi_services.integration import webhook_signing
from heidi_services.integration.providers import base

TOLERANCE_SECONDS = 300
PUBLIC_PREFIX = "whpk_"
FAMILIES = ("webhook", "svix")
HEADER_PARTS = ("id", "timestamp", "signature")
"""Svix sends the headers of Standard Webhooks under its own name. https://docs.svix.com/receiving/verifying-payloads/how-manual"""


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    family = _header_family(inbound)
    timestamp = inbound.header(f"{family}-timestamp")
    verify_timestamp(timestamp, inbound.now, TOLERANCE_SECONDS)
    signed = webhook_signing.signed_content(
        header_bytes(inbound.header(f"{family}-id")), header_bytes(timestamp), inbound.body
    )
    signatures = [header_bytes(entry) for entry in inbound.header(f"{family}-signature").split()]
    secret = credentials["secret"]
    if secret.startswith(PUBLIC_PREFIX):
        _verify_ed25519(_decode_public_key(secret), signatures, signed)
    else:
        verify_any_equal(webhook_signing.signature(secret, signed).encode(), *signatures)


def _header_family(inbound: base.InboundWebhook) -> str:
    """`webhook` or `svix`: the first whose three headers are all present. Headers of both are never mixed."""
    complete = (family for family in FAMILIES if all(f"{family}-{part}" in inbound.headers for part in HEADER_PARTS))
    return next(complete, FAMILIES[0])


def _decode_public_key(encoded: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded.removeprefix(PUBLIC_PREFIX), validate=True))


def _verify_ed25519(key: Ed25519PublicKey, signatures: Sequence[bytes], signed: bytes) -> None:
    """While the sender rotates its keys, a request carries several signatures. One valid signature is sufficient."""
    for signature in signatures:
        version, _, encoded = signature.partition(b",")
        if version != b"v1a":
            continue
        try:
            return key.verify(base64.b64decode(encoded, validate=True), signed)
        except Exception:  # nosec B112  # the next signature may be valid
            continue
    raise InvalidSignature("no valid v1a signature")


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    return [
        base.ReceivedEvent(inbound.header(f"{_header_family(inbound)}-id"), _event_type(inbound.body), inbound.body)
    ]


def _event_type(body: bytes) -> str:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return "unknown"
    return (base.id_or_type(message.get("type")) if isinstance(message, dict) else None) or "unknown"


def find_errors(credentials: base.Credentials, config: base.Config) -> Mapping[str, str]:
    try:
        _decode_secret(credentials.get("secret"))
    except ValueError:
        return {"credentials/secret": "Must be `whsec_` and a base64 secret, or `whpk_` and a base64 Ed25519 key."}
    return {}


def _decode_secret(secret: str | None) -> None:
    if secret is None:
        return
    if secret.startswith(PUBLIC_PREFIX):
        _decode_public_key(secret)
    else:
        webhook_signing.decode_secret(secret)


PROVIDER = base.Provider(
    name="WEBHOOK",
    description="Any sender that signs by Standard Webhooks or with Svix. `secret` is generated if you omit it.",
    generated_credential="secret",
    credential_names=("secret",),
    can_verify=base.requires("secret"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    find_errors=find_errors,
)
