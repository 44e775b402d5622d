"""What `flask doctor` checks for this service, and its test message."""

from __future__ import annotations

from collections.abc import Iterator

from uuid_utils.compat import uuid7

from heidi_common.channels.base import ChannelDeclaration
from heidi_common.channels.registry import CHANNELS
from heidi_common.cli.doctor_checks import Check
from heidi_common.config.settings import Settings
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels.message import KeepsConnections, Message
from heidi_services.notification.channels.provider_checks import ProviderUnusable
from heidi_services.notification.channels.registry import PROVIDERS, provider_names


def checks(settings: Settings) -> Iterator[Check]:
    """A check for each provider that is configured. Not required: messages wait while their provider is unavailable."""
    names = (name for channel in CHANNELS for name in provider_names(settings, channel))
    for provider in (PROVIDERS[name] for name in dict.fromkeys(names)):
        if provider.check is not None:
            yield Check(provider.title, provider.check.run, provider.check.remedy, required=False)


def send_test_message(settings: Settings, address: str) -> str:
    """Send a test message to an e-mail address or a phone number, through the first provider of its channel.

    Returns:
        The provider's response.

    Raises:
        ProviderUnusable: The provider did not accept it.
        ValueError: No provider of the channel is configured, or the address is neither.
    """
    channel = _channel_of(address)
    providers = provider_names(settings, channel.name)
    if not providers:
        raise ValueError(f"{channel.providers_variable} names no provider.")
    text = f"This is a test message of the platform at {settings.public_base_url}."
    return _send(settings, Message(uuid7(), address, text, subject="Test message"), providers[0])


def _channel_of(address: str) -> ChannelDeclaration:
    if "@" in address:
        return CHANNELS["EMAIL"]
    if address.startswith("+"):
        return CHANNELS["SMS"]
    raise ValueError("Specify an e-mail address, or a phone number such as +4915112345678.")


def _send(settings: Settings, message: Message, provider: str) -> str:
    """Send a message through a provider, as workers do, and return its response."""
    sender = PROVIDERS[provider].create_sender(settings, HttpClient(settings.outbound_allow_nets))
    result = sender.send(message)
    if isinstance(sender, KeepsConnections):
        sender.close()
    if not result.sent:
        raise ProviderUnusable(f"{provider}: {result.outcome.value}: {result.code} {result.error}")
    return " ".join(f"{provider}: {result.code} {result.response or result.provider_id}".split())
