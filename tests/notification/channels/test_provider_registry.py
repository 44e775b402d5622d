"""The registry of providers: each is declared once, in its own module."""

import pytest

from heidi_common.channels.registry import CHANNELS
from heidi_services.notification.channels.registry import PROVIDERS, find_provider


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_serves_channels_that_wait_for_providers(name: str) -> None:
    assert PROVIDERS[name].name == name
    assert PROVIDERS[name].channels
    assert all(CHANNELS[channel].waits_for_provider for channel in PROVIDERS[name].channels)


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_default_providers_of_a_channel_serve_it(channel: str) -> None:
    assert all(channel in PROVIDERS[name].channels for name in CHANNELS[channel].default_providers)


@pytest.mark.parametrize("name", ["smtp", "fcm", "webpush", "simulated"])
def test_other_providers_send_no_receipts(name: str) -> None:
    assert PROVIDERS[name].parse_receipts is None


def test_an_unknown_provider_is_none() -> None:
    assert find_provider("pigeon") is None
