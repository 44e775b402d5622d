"""The providers: how each creates its sender, and how it parses delivery receipts.

A provider's module is imported when the provider is first used, because the encryption of Web Push is
slow to import and most installations do not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heidi_common.config.settings import Settings
from heidi_common.http_client.client import HttpClient, http_client
from heidi_common.runtime import current_settings, per_app
from heidi_services.notification.channels.delivery_receipt import DeliveryReceipt, ProviderCallback
from heidi_services.notification.channels.message import KeepsConnections, Sender
from heidi_services.notification.enums import Channel

SenderFactory = Callable[[Settings, HttpClient], Sender]
ReceiptParser = Callable[[ProviderCallback, Settings], Sequence[DeliveryReceipt]]


@dataclass(frozen=True, slots=True)
class ReceiptSource:
    """A provider's delivery receipts, and the channel of the notifications that they are about."""

    channel: Channel
    load_parser: Callable[[], ReceiptParser]


@dataclass(frozen=True, slots=True)
class MessageProvider:
    """`receipts` is None for a provider that reports nothing after it has accepted a message."""

    load_sender: Callable[[], SenderFactory]
    receipts: ReceiptSource | None = None


def _smtp_sender() -> SenderFactory:
    from heidi_services.notification.channels.smtp_sender import SmtpSender

    return SmtpSender


def _sendgrid_sender() -> SenderFactory:
    from heidi_services.notification.channels.sendgrid import SendGridSender

    return SendGridSender


def _sendgrid_receipts() -> ReceiptParser:
    from heidi_services.notification.channels.sendgrid import parse_receipts

    return parse_receipts


def _twilio_sender() -> SenderFactory:
    from heidi_services.notification.channels.twilio import TwilioSender

    return TwilioSender


def _twilio_receipts() -> ReceiptParser:
    from heidi_services.notification.channels.twilio import parse_receipts

    return parse_receipts


def _fcm_sender() -> SenderFactory:
    from heidi_services.notification.channels.fcm import FcmSender

    return FcmSender


def _webpush_sender() -> SenderFactory:
    from heidi_services.notification.channels.webpush import WebPushSender

    return WebPushSender


def _simulated_sender() -> SenderFactory:
    from heidi_services.notification.channels.simulated import SimulatedSender

    return SimulatedSender


PROVIDERS = {
    "smtp": MessageProvider(_smtp_sender),
    "sendgrid": MessageProvider(_sendgrid_sender, ReceiptSource(Channel.EMAIL, _sendgrid_receipts)),
    "twilio": MessageProvider(_twilio_sender, ReceiptSource(Channel.SMS, _twilio_receipts)),
    "fcm": MessageProvider(_fcm_sender),
    "webpush": MessageProvider(_webpush_sender),
    "simulated": MessageProvider(_simulated_sender),
}
"""By the names that EMAIL_PROVIDERS, SMS_PROVIDERS and PUSH_PROVIDERS use."""


@per_app
def _senders(_settings: Settings) -> dict[str, Sender]:
    """The senders created so far, by the name of their provider."""
    return {}


def senders_for(channel: Channel) -> Sequence[Sender]:
    """Return a channel's senders in the configured order, which is the order of failover."""
    return [_sender(name) for name in _provider_names(current_settings(), channel)]


def interrupt_senders() -> None:
    """Stop waiting for responses of providers that take long, when the process ends."""
    for sender in _senders().values():
        if isinstance(sender, KeepsConnections):
            sender.interrupt()


def close_senders() -> None:
    """Close the connections that the current app's senders keep open, when the process ends."""
    for sender in _senders().values():
        if isinstance(sender, KeepsConnections):
            sender.close()


def receipt_source(provider: str) -> ReceiptSource | None:
    """Return how to parse a provider's receipts; None if the provider is unknown or sends no receipts."""
    return PROVIDERS[provider].receipts if provider in PROVIDERS else None


def _sender(name: str) -> Sender:
    created = _senders()
    if name not in created:
        create = PROVIDERS[name].load_sender()
        created[name] = create(current_settings(), http_client())
    return created[name]


def _provider_names(settings: Settings, channel: Channel) -> Sequence[str]:
    names_by_channel = {
        Channel.EMAIL: settings.email_providers,
        Channel.SMS: settings.sms_providers,
        Channel.PUSH: settings.push_providers,
    }
    return names_by_channel.get(channel, ())
