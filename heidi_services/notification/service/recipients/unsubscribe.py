"""Links that unsubscribe from a category without signing in (RFC 8058).

They do not expire, because the link in an old e-mail must still work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from heidi_common.config.settings import Settings
from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings, per_app
from heidi_services.notification.service.recipients import preferences


@dataclass(frozen=True, slots=True)
class CategorySubscription:
    """A user's subscription to a category over a channel, as an unsubscribe link identifies it."""

    user_id: UUID
    category: str
    channel: str

    @property
    def subscribed(self) -> bool:
        return not preferences.is_category_muted(self.user_id, self.category, self.channel)


def unsubscribe_link(user_id: UUID, category: str, channel: str) -> str:
    token = _serializer().dumps([user_id.hex, category, channel])
    return f"{current_settings().public_base_url}/api/v1/notifications/unsubscribe/{token}"


def read_token(token: str) -> CategorySubscription:
    """Verify the token of an unsubscribe link; raises NotFound if its signature is invalid."""
    try:
        user_id, category, channel = cast(list[str], _serializer().loads(token))
    except BadSignature:
        raise NotFound("The unsubscribe link is invalid.") from None
    return CategorySubscription(UUID(user_id), category, channel)


def unsubscribe(token: str) -> CategorySubscription:
    """Mute the category of an unsubscribe link. A repetition has no effect."""
    subscription = read_token(token)
    preferences.mute_category(subscription.user_id, subscription.category, subscription.channel)
    return subscription


@per_app
def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt="unsubscribe")
