"""Standard Webhooks 1.0: how deliveries are signed. https://www.standardwebhooks.com

>>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{}")[:3]
'v1,'
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key is what the base64 stands for. Raises ValueError when it is not base64, or empty."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not key:
        raise ValueError("empty secret")
    return key


def content(message_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    return b".".join((message_id, timestamp, body))


def signature(secret: str, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def headers(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """One signature for each secret: while a secret is rotated the receiver may hold either."""
    signed = content(message_id.encode(), str(timestamp).encode(), body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, signed) for key in keys),
    }
