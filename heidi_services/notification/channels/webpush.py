"""Push notifications to browsers: Web Push (RFC 8030), encrypted by RFC 8291, authenticated by VAPID (RFC 8292).

A user supplies the endpoint's URL, so it is called through the client that blocks internal addresses.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import vapid_key
from heidi_common.config.settings import Settings
from heidi_common.crypto import base64url
from heidi_services.notification.channels.http_provider import is_accepted, is_html, post
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.provider import MessageProvider, ProviderCheck
from heidi_services.notification.channels.provider_checks import ProviderUnusable, require
from heidi_services.notification.channels.push_text import push_text

if TYPE_CHECKING:
    import requests

    from heidi_common.http_client.client import HttpClient

_TTL_SECONDS = 24 * 3600
_VAPID_SECONDS = 12 * 3600


@dataclass(frozen=True, kw_only=True)
class WebPushSettings:
    """Web Push."""

    vapid_private_key: str = setting(
        "VAPID_PRIVATE_KEY",
        parse=vapid_key,
        default="",
        in_repr=False,
        help="The private key of Web Push: 32 bytes in base64url, from `flask keys vapid`.",
    )
    vapid_subject: str = setting(
        "VAPID_SUBJECT",
        default="",
        help="The contact for Web Push services: `mailto:...` or `https://...`. If it is unset, `PUBLIC_BASE_URL`.",
    )


class WebPushSender:
    """Sends to browsers.

    VAPID_PRIVATE_KEY is the raw P-256 key in base64url. VAPID_SUBJECT is a mailto: or https: URL of the operator.
    """

    name = "webpush"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        from py_vapid import Vapid02  # here: it is slow to import, and most installations do not need it

        own = settings.part(WebPushSettings)
        self._client, self._subject = client, own.vapid_subject or settings.public_base_url
        self._vapid = Vapid02.from_string(own.vapid_private_key)

    def supports(self, message: Message) -> bool:
        return message.keys is not None

    def send(self, message: Message) -> SendResult:
        try:
            body = _encrypt(message)
        except Exception as error:  # besides its own exceptions, the library raises IndexError and others on odd keys
            return self._encryption_failed(message, error)
        headers = self._headers(message)
        return post(self._client, self.name, message.recipient, self._parse, trusted=False, data=body, headers=headers)

    def _encryption_failed(self, message: Message, error: Exception) -> SendResult:
        """Only malformed keys end a subscription: an error in this program must not end all of them."""
        if _are_valid(message.keys or {}):
            return SendResult(DeliveryOutcome.TECHNICAL, self.name, error=f"not encrypted: {error!r}"[:300])
        reason = f"invalid keys: {error}"[:300]
        return SendResult(DeliveryOutcome.PERMANENT, self.name, error=reason, recipient_gone=True)

    def _headers(self, message: Message) -> dict[str, str]:
        """`Topic` replaces an earlier message that the push service has not delivered yet: a copy at least."""
        origin = urlsplit(message.recipient)
        expires_at = int(time.time()) + _VAPID_SECONDS
        claims = {"sub": self._subject, "aud": f"{origin.scheme}://{origin.netloc}", "exp": expires_at}
        authorization: dict[str, str] = self._vapid.sign(claims)
        ttl = message.push.lifetime(message.seconds_left(), _TTL_SECONDS)
        delivery = {"TTL": str(ttl), "Urgency": message.urgency.value, "Topic": message.push.topic(message.id)}
        return authorization | delivery | {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream"}

    def _parse(self, response: requests.Response) -> SendResult | None:
        code = str(response.status_code)
        if is_accepted(response):
            location = response.headers.get("Location", "")
            return SendResult(DeliveryOutcome.SENT, self.name, code=code, provider_id=location)
        if response.status_code in (404, 410) and not is_html(response):  # RFC 8030, section 7.3
            error = "unsubscribed"
            return SendResult(DeliveryOutcome.PERMANENT, self.name, code=code, error=error, recipient_gone=True)
        return None


def _encrypt(message: Message) -> bytes:
    from pywebpush import WebPusher  # here: as py_vapid

    pusher = WebPusher({"endpoint": message.recipient, "keys": dict(message.keys or {})})
    body: bytes = pusher.encode(orjson.dumps(_content(message)), content_encoding="aes128gcm")["body"]
    return body


def _content(message: Message) -> dict[str, object]:
    """What a service worker gets. Its members are those of the Notifications API as far as that has them."""
    options = message.push
    text = push_text(message.subject, message.text, option_bytes=options.size)
    content: dict[str, object] = {"title": text.title, "body": text.body, "notificationId": str(message.id)}
    optional = {
        "truncated": text.truncated,
        "data": options.data,
        "url": options.url,
        "image": options.image,
        "actions": options.actions,
        "tag": options.collapse_key,
    }
    return content | {name: value for name, value in optional.items() if value}


def _are_valid(keys: Mapping[str, str]) -> bool:
    """Valid keys are a point on the curve P-256 and a secret of 16 bytes, as browsers create them."""
    try:
        point, secret = (base64url.decode(keys[name].rstrip("=")) for name in ("p256dh", "auth"))
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except (KeyError, ValueError):
        return False
    return (len(point), len(secret)) == (65, 16)


def check_webpush(settings: Settings) -> str:
    """The key cannot be tried without a subscription; push services do not know it in advance."""
    own = settings.part(WebPushSettings)
    require(VAPID_PRIVATE_KEY=own.vapid_private_key)
    if not own.vapid_subject.startswith(("mailto:", "https://")) and own.vapid_subject:
        raise ProviderUnusable("VAPID_SUBJECT must begin with mailto: or https://")
    from heidi_common.http_client.client import HttpClient

    WebPushSender(settings, HttpClient(settings.outbound_allow_nets))
    return "the key is valid"


PROVIDER = MessageProvider(
    name=WebPushSender.name,
    title="Web Push",
    channels=("PUSH",),
    create_sender=WebPushSender,
    settings=WebPushSettings,
    check=ProviderCheck(check_webpush, "Check VAPID_PRIVATE_KEY (`flask keys vapid` creates one) and VAPID_SUBJECT."),
)
