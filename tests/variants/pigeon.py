"""A message provider that the platform does not have: everything about it is declared in this file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import requests

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import base_url
from heidi_common.config.settings import Settings
from heidi_common.crypto.webhook_verification import header_bytes, verify_any_equal
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.delivery_receipt import DeliveryReceipt, ProviderCallback
from heidi_services.notification.channels.http_provider import is_accepted, post
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.provider import MessageProvider, ProviderCheck
from heidi_services.notification.channels.provider_checks import require
from heidi_services.notification.enums import NotificationStatus


@dataclass(frozen=True, kw_only=True)
class PigeonSettings:
    """Pigeon."""

    pigeon_url: str = setting("PIGEON_URL", parse=base_url, default="https://api.pigeon.example", help="Pigeon's API.")
    pigeon_key: str = setting("PIGEON_KEY", default="", in_repr=False, help="Pigeon's key.")


class PigeonSender:
    name = "pigeon"

    def __init__(self, settings: Settings, client: HttpClient) -> None:
        self._client, self._own = client, settings.part(PigeonSettings)

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        body, headers = {"to": message.recipient, "text": message.text}, {"X-Key": self._own.pigeon_key}
        return post(self._client, self.name, f"{self._own.pigeon_url}/send", _parse, json=body, headers=headers)


def _parse(response: requests.Response) -> SendResult | None:
    if not is_accepted(response):
        return None
    return SendResult(DeliveryOutcome.SENT, "pigeon", code="200", provider_id=response.json()["id"])


def parse_receipts(callback: ProviderCallback, settings: Settings) -> Sequence[DeliveryReceipt]:
    key = settings.part(PigeonSettings).pigeon_key
    verify_any_equal(header_bytes(callback.header("X-Key")), key.encode())
    receipt = json.loads(callback.body)
    return [DeliveryReceipt(UUID(receipt["message"]), state=(NotificationStatus.DELIVERED, None))]


def check(settings: Settings) -> str:
    require(PIGEON_KEY=settings.part(PigeonSettings).pigeon_key)
    return "the key is set"


PROVIDER = MessageProvider(
    name="pigeon",
    title="Pigeon",
    channels=("WHATSAPP", "SMS"),
    create_sender=PigeonSender,
    settings=PigeonSettings,
    parse_receipts=parse_receipts,
    check=ProviderCheck(check, "Check PIGEON_KEY."),
)
