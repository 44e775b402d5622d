"""Sign outgoing webhooks by Standard Webhooks 1.0. https://www.standardwebhooks.com

`providers/webhook.py` verifies received webhooks of the same scheme.

>>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{}")[:3]
'v1,'
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def generate_secret() -> str:
    """A new signing secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def decode_secret(secret: str) -> bytes:
    """The HMAC key of a secret. Raises ValueError if the secret is empty or not base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not key:
        raise ValueError("empty secret")
    return key


def signed_content(message_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    """The bytes that a signature covers."""
    return b".".join((message_id, timestamp, body))


def signature(secret: str, content: bytes) -> str:
    """The `v1` signature of `content`: HMAC-SHA256 in base64."""
    return "v1," + base64.b64encode(hmac.new(decode_secret(secret), content, hashlib.sha256).digest()).decode()


def sign_webhook(signing_secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Sign an outgoing webhook.

    Args:
        signing_secrets: All valid secrets. After rotations there are several, and the receiver may know any of them.
        message_id: The ID by which receivers recognize a repetition.
        timestamp: When this attempt is sent, in Unix seconds.
        body: The exact bytes that are sent.

    Returns:
        The headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, with one signature for each secret.
    """
    content = signed_content(message_id.encode(), str(timestamp).encode(), body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, content) for secret in signing_secrets),
    }
