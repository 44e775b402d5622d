"""What a provider says later about a message it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from heidi_services.notification.enums import Status


@dataclass(frozen=True, slots=True)
class Inbound:
    """A callback as it came, and under the URL that the provider knows."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    now: datetime

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


@dataclass(frozen=True, slots=True)
class Receipt:
    """`state` moves the notification (by its id, else by the provider's); `suppress` is why the address is closed."""

    notification_id: UUID | None = None
    provider_id: str = ""
    state: tuple[Status, str | None] | None = None
    address: str = ""
    suppress: str = ""
