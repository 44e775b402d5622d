"""What a provider consists of. It is declared as `PROVIDER` in its own module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from heidi_common.config.settings import Settings
from heidi_services.notification.channels.delivery_receipt import DeliveryReceipt, ProviderCallback
from heidi_services.notification.channels.message import Sender

if TYPE_CHECKING:
    from heidi_common.http_client.client import HttpClient

SenderFactory: TypeAlias = "Callable[[Settings, HttpClient], Sender]"
ReceiptParser = Callable[[ProviderCallback, Settings], Sequence[DeliveryReceipt]]


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """What `flask doctor` does for a provider: it contacts the provider without sending a message.

    Attributes:
        run: Returns what it has found, or raises; `ProviderUnusable` says which setting to correct.
        remedy: What to do if it fails.
    """

    run: Callable[[Settings], str]
    remedy: str


@dataclass(frozen=True, kw_only=True, eq=False)
class MessageProvider:
    """A provider of messages.

    Attributes:
        name: The name that the settings of channels and the URL of receipts use.
        title: The name as its vendor writes it.
        channels: The names of the channels that it serves; a receipt is about a message of the first one.
        create_sender: Creates what sends its messages, when the first one is sent.
        settings: A section of settings, all with defaults (see `heidi_common.config.declaration`).
        parse_receipts: Parses its delivery receipts; None: it reports nothing after it has accepted a message.
        check: None: there is nothing to check.
    """

    name: str
    title: str
    channels: tuple[str, ...]
    create_sender: SenderFactory
    settings: type | None = None
    parse_receipts: ReceiptParser | None = None
    check: ProviderCheck | None = None
