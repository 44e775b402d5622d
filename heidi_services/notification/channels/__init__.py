"""The ways out: one file per provider, one table of who makes them, one of who reads their receipts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from heidi_common.config.settings import Settings
from heidi_common.http_client.client import http_client
from heidi_common.runtime import current_settings, per_app
from heidi_services.notification.channels.delivery_receipt import Inbound, Receipt
from heidi_services.notification.channels.message import Sender
from heidi_services.notification.enums import Channel

_HOME = "heidi_services.notification.channels"

Make = Callable[[Settings, object], Sender]
SENDERS = {
    "smtp": "smtp_sender:SmtpSender",
    "sendgrid": "sendgrid:SendGridSender",
    "twilio": "twilio:TwilioSender",
    "fcm": "fcm:FcmSender",
    "webpush": "webpush:WebPushSender",
    "simulated": "simulated:SimulatedSender",
}
"""Found by name on first use: google-auth and the encryption of Web Push are not for everybody."""

ReadReceipts = Callable[[Inbound, Settings], Sequence[Receipt]]
RECEIPTS = {"twilio": "twilio:receipts", "sendgrid": "sendgrid:receipts"}


@per_app
def _senders(_settings: Settings) -> dict[str, Sender]:
    """The senders created so far, by the name of their provider."""
    return {}


def providers(channel: Channel) -> Sequence[Sender]:
    """The senders of a channel in the order in which they are tried, as the settings name them."""
    created, settings = _senders(), current_settings()
    names = _names(settings, channel)
    for name in names:
        if name not in created:
            created[name] = cast(Make, _found(SENDERS[name]))(settings, http_client())
    return [created[name] for name in names]


def receipt_reader(provider: str) -> ReadReceipts | None:
    return cast(ReadReceipts, _found(RECEIPTS[provider])) if provider in RECEIPTS else None


def _found(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(import_module(f"{_HOME}.{module}"), name)


def _names(settings: Settings, channel: Channel) -> Sequence[str]:
    chosen = {
        Channel.EMAIL: settings.email_providers,
        Channel.SMS: settings.sms_providers,
        Channel.PUSH: settings.push_providers,
    }
    return chosen.get(channel, ())
