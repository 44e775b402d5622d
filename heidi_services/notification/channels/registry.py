"""The providers by name: one module for each, and one entry here.

Code that needs `PROVIDERS` reads it at each use, so that a provider is added in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import make_dataclass
from functools import cache
from typing import cast

from heidi_common.channels.base import ChannelDeclaration
from heidi_common.channels.registry import CHANNELS
from heidi_common.config.declaration import UNSET, setting
from heidi_common.config.parsers import some_of
from heidi_common.config.settings import Settings
from heidi_common.runtime import current_settings, per_app
from heidi_services.notification.channels import fcm, sendgrid, simulated, smtp_sender, twilio, webpush
from heidi_services.notification.channels.message import KeepsConnections, Sender
from heidi_services.notification.channels.provider import MessageProvider

PROVIDERS: dict[str, MessageProvider] = {
    module.PROVIDER.name: module.PROVIDER for module in (smtp_sender, sendgrid, twilio, fcm, webpush, simulated)
}
"""By the names that EMAIL_PROVIDERS, SMS_PROVIDERS, ... use."""


def setting_sections() -> tuple[type, ...]:
    """The settings of the channels, which name their providers, and those of each provider."""
    own = (provider.settings for provider in PROVIDERS.values() if provider.settings is not None)
    return (_channels_section(tuple(CHANNELS.values()), tuple(PROVIDERS.values())), *own)


def provider_names(settings: Settings, channel: str) -> tuple[str, ...]:
    """The names of a channel's providers in the configured order, which is the order of failover."""
    section = setting_sections()[0]
    return cast(tuple[str, ...], getattr(settings.part(section), _field(CHANNELS[channel]), ()))


@cache
def _channels_section(channels: Sequence[ChannelDeclaration], providers: Sequence[MessageProvider]) -> type:
    items = [
        (_field(channel), tuple[str, ...], _providers_setting(channel, providers))
        for channel in channels
        if channel.waits_for_provider
    ]
    section = make_dataclass("ChannelSettings", items, frozen=True, kw_only=True)
    section.__doc__ = "Channels.\n\nThe providers of each channel, separated by commas, in order of preference."
    return section


def _providers_setting(channel: ChannelDeclaration, providers: Sequence[MessageProvider]) -> object:
    names = [provider.name for provider in providers if channel.name in provider.channels]
    return setting(
        channel.providers_variable,
        parse=some_of(*names),
        default=channel.default_providers,
        production_default=UNSET if channel.defaults_in_production else (),
        help=f"Providers of the channel {channel.name}: {', '.join(f'`{name}`' for name in names)}.",
    )


def _field(channel: ChannelDeclaration) -> str:
    return channel.providers_variable.lower()


@per_app
def _senders(_settings: Settings) -> dict[str, Sender]:
    """The senders created so far, by the name of their provider."""
    return {}


def senders_for(channel: str) -> Sequence[Sender]:
    """Return a channel's senders in the configured order, which is the order of failover."""
    return [_sender(name) for name in provider_names(current_settings(), channel)]


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


def find_provider(name: str) -> MessageProvider | None:
    """Return a provider; None if there is none of this name."""
    return PROVIDERS.get(name)


def _sender(name: str) -> Sender:
    created = _senders()
    if name not in created:
        from heidi_common.http_client.client import http_client

        created[name] = PROVIDERS[name].create_sender(current_settings(), http_client())
    return created[name]
