"""Links that silence a category without signing in (RFC 8058). They never expire: old mail must stay unsubscribable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings
from heidi_services.notification.enums import Channel
from heidi_services.notification.service import preferences


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a link is about."""

    user_id: UUID
    category: str
    channel: Channel

    @property
    def subscribed(self) -> bool:
        return not preferences.muted(self.user_id, self.category, self.channel)


def link(user_id: UUID, category: str, channel: Channel) -> str:
    token = _serializer().dumps([user_id.hex, category, channel.value])
    return f"{current_settings().public_base_url}/api/v1/notifications/unsubscribe/{token}"


def read(token: str) -> Subscription:
    """404 for a token that is not ours."""
    try:
        user_id, category, channel = cast(list[str], _serializer().loads(token))
    except BadSignature:
        raise NotFound("There is no such link.") from None
    return Subscription(UUID(user_id), category, Channel(channel))


def unsubscribe(token: str) -> Subscription:
    """Mute the category; doing it twice is doing it once."""
    found = read(token)
    preferences.mute(found.user_id, found.category, found.channel)
    return found


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_settings().secret_key, salt="unsubscribe")
