"""Anyone who signs by Standard Webhooks 1.0: `v1` with a shared secret, `v1a` with an Ed25519 key (`whpk_...`)."""

import base64
import json
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from heidi_common.crypto.webhook_signatures import InvalidSignature, header_bytes, verify_any_equal, verify_timestamp
from heidi_services.integration.providers import standard_webhooks
from heidi_services.integration.providers.base import Config, Credentials, Inbound, Provider, Received, needs, text

TOLERANCE = 300
PUBLIC_PREFIX = "whpk_"


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    timestamp = inbound.header("webhook-timestamp")
    verify_timestamp(timestamp, inbound.now, TOLERANCE)
    signed = standard_webhooks.content(
        header_bytes(inbound.header("webhook-id")), header_bytes(timestamp), inbound.body
    )
    entries = [header_bytes(entry) for entry in inbound.header("webhook-signature").split(" ")]
    secret = credentials["secret"]
    if secret.startswith(PUBLIC_PREFIX):
        _require_one_by(_public_key(secret), entries, signed)
    else:
        verify_any_equal(standard_webhooks.signature(secret, signed).encode(), *entries)


def _public_key(encoded: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded.removeprefix(PUBLIC_PREFIX), validate=True))


def _require_one_by(key: Ed25519PublicKey, entries: Sequence[bytes], signed: bytes) -> None:
    for entry in entries:
        version, _, encoded = entry.partition(b",")
        if version != b"v1a":
            continue
        try:
            return key.verify(base64.b64decode(encoded, validate=True), signed)
        except Exception:  # nosec B112  # one of several signatures, the next may hold
            # While keys are rotated several signatures come along; one that holds is enough.
            continue
    raise InvalidSignature("no v1a signature holds")


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    return [Received(inbound.header("webhook-id"), _type(inbound.body), inbound.body)]


def _type(body: bytes) -> str:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return "unknown"
    return (text(message.get("type")) if isinstance(message, dict) else None) or "unknown"


def flaws(credentials: Credentials, config: Config) -> Mapping[str, str]:
    secret = credentials.get("secret")
    try:
        if secret is not None:
            _public_key(secret) if secret.startswith(PUBLIC_PREFIX) else standard_webhooks.key_of(secret)
    except ValueError:
        return {"credentials/secret": "Neither whsec_ with a base64 secret nor whpk_ with a base64 Ed25519 key."}
    return {}


PROVIDER = Provider(
    name="WEBHOOK",
    credentials=frozenset({"secret"}),
    opened_by=needs("secret"),
    verify=verify,
    events=events,
    flaws=flaws,
)
