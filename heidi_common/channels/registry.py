"""All channels by name. Code that needs `CHANNELS` reads it at each use, so that a channel is added in one place."""

from __future__ import annotations

from heidi_common.channels import email, in_app, push, sms
from heidi_common.channels.base import ChannelDeclaration

CHANNELS: dict[str, ChannelDeclaration] = {module.CHANNEL.name: module.CHANNEL for module in (email, in_app, sms, push)}


def waits_for_provider(channel: str | None) -> bool:
    """Whether messages of a channel are sent by a provider; False if the channel does not exist."""
    return channel in CHANNELS and CHANNELS[channel].waits_for_provider
