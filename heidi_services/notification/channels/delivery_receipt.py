"""Delivery receipts: what a provider reports later about a message that it accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from heidi_services.notification.enums import NotificationStatus


@dataclass(frozen=True, slots=True)
class ProviderCallback:
    """A provider's HTTP request, unparsed.

    Attributes:
        url: The URL as the provider knows it, which its signature covers.
        headers: By lower-case name.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    now: datetime

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """One report about one message or address.

    Attributes:
        notification_id: Identifies the notification; without it, `provider_id` does.
        state: The status that the report implies, with the failure reason if it is FAILED.
        suppression_reason: Why nothing may be sent to `address` any more; empty: it may.
        lifted_reason: The reason of a suppression that ends, because the recipient wants messages again; empty: none.
        detail: The provider's text about the suppression.
    """

    notification_id: UUID | None = None
    provider_id: str = ""
    state: tuple[NotificationStatus, str | None] | None = None
    address: str = ""
    suppression_reason: str = ""
    lifted_reason: str = ""
    detail: str = ""
