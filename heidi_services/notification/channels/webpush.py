"""Push to browsers: RFC 8030, encrypted by RFC 8291, identified by VAPID (RFC 8292).

The endpoint is a URL that a user gave us, so it goes through the guarded client.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from py_vapid import Vapid02
from pywebpush import WebPusher

from heidi_common.config.settings import Settings
from heidi_common.crypto import base64url
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.http_provider import call
from heidi_services.notification.channels.message import Message, Outcome, Result

_KEPT_SECONDS = 24 * 3600
_MAX_BODY = 2000
"""Push services take 4096 bytes, encryption and JSON included."""


class WebPushSender:
    """`VAPID_PRIVATE_KEY` is the base64url of the raw P-256 key; `VAPID_SUBJECT` a mailto: or https: URL of ours."""

    name = "webpush"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        self._client, self._subject = client, settings.vapid_subject or settings.public_base_url
        self._vapid = Vapid02.from_string(settings.vapid_private_key)

    def takes(self, message: Message) -> bool:
        return message.keys is not None

    def send(self, message: Message) -> Result:
        text = message.text.encode()[:_MAX_BODY].decode("utf-8", "ignore")
        content = {"title": message.subject[:200], "body": text, "notificationId": str(message.id)}
        try:
            pusher = WebPusher({"endpoint": message.recipient, "keys": dict(message.keys or {})})
            encrypted = pusher.encode(json.dumps(content).encode(), content_encoding="aes128gcm")["body"]
        except Exception as error:  # the library raises IndexError and others on odd keys, besides its own
            return self._not_encrypted(message, error)
        headers = self._headers(message)
        return call(
            self._client, self.name, message.recipient, self._read, trusted=False, data=encrypted, headers=headers
        )

    def _not_encrypted(self, message: Message, error: Exception) -> Result:
        """Only keys that are none end a subscription: a fault of ours would end all of them."""
        if _are_keys(message.keys or {}):
            return Result(Outcome.TECHNICAL, self.name, error=f"not encrypted: {error!r}"[:300])
        return Result(Outcome.PERMANENT, self.name, error=f"unusable keys: {error}"[:300], dead=True)

    def _headers(self, message: Message) -> dict[str, str]:
        """`Topic` replaces an earlier copy that still waits at the push service; 32 characters, as a hex id has."""
        origin = urlsplit(message.recipient)
        claims = {"sub": self._subject, "aud": f"{origin.scheme}://{origin.netloc}", "exp": int(time.time()) + 43_200}
        signed: dict[str, str] = self._vapid.sign(claims)
        kept = {"TTL": str(_KEPT_SECONDS), "Topic": message.id.hex}
        return signed | kept | {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream"}

    def _read(self, answer: requests.Response) -> Result | None:
        if answer.ok:
            where = answer.headers.get("Location", "")
            return Result(Outcome.SENT, self.name, code=str(answer.status_code), provider_id=where)
        if answer.status_code in (404, 410):
            return Result(Outcome.PERMANENT, self.name, code=str(answer.status_code), error="unsubscribed", dead=True)
        return None


def _are_keys(keys: Mapping[str, str]) -> bool:
    """A point on the curve and a secret of 16 bytes, as browsers make them."""
    try:
        point, secret = (base64url.decode(keys[name].rstrip("=")) for name in ("p256dh", "auth"))
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except (KeyError, ValueError):
        return False
    return (len(point), len(secret)) == (65, 16)
