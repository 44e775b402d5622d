"""PUSH: push notifications to all devices of the user."""

from datetime import timedelta

from heidi_common.channels.base import ChannelDeclaration, RetryPolicy

CHANNEL = ChannelDeclaration(
    name="PUSH",
    titles={"en": "push notification", "de": "Push-Nachricht"},
    default_providers=("simulated",),
    retry=RetryPolicy(5, 1800, timedelta(hours=24)),
)
