"""The ways out: one file per provider, one table of who makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from heidi_common.runtime import Runtime
from heidi_services.notification.channels.email import SmtpSender
from heidi_services.notification.channels.message import Sender
from heidi_services.notification.channels.simulated import SimulatedSender
from heidi_services.notification.kinds import Channel

MAKERS: dict[str, Callable[[Runtime], Sender]] = {
    "smtp": lambda runtime: SmtpSender(runtime.settings.smtp_url, runtime.settings.mail_from),
    "simulated": lambda runtime: SimulatedSender(),
}


def providers(runtime: Runtime, channel: Channel) -> Sequence[Sender]:
    """The senders of a channel in the order in which they are asked, as the settings name them."""
    made: dict[str, Sender] = runtime.__dict__.setdefault("notification_senders", {})
    names = _names(runtime, channel)
    for name in names:
        if name not in made:
            made[name] = MAKERS[name](runtime)
    return [made[name] for name in names]


def _names(runtime: Runtime, channel: Channel) -> Sequence[str]:
    settings = runtime.settings
    chosen = {
        Channel.EMAIL: settings.email_providers,
        Channel.SMS: settings.sms_providers,
        Channel.PUSH: settings.push_providers,
    }
    return chosen.get(channel, ())
