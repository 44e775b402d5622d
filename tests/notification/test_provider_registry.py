"""The registry of providers: each name loads its sender, and its receipt parser if it has one."""

import pytest

from heidi_services.notification.channels.registry import PROVIDERS, receipt_source
from heidi_services.notification.enums import Channel


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_registered_under_the_name_of_its_sender(name: str) -> None:
    assert vars(PROVIDERS[name].load_sender())["name"] == name


@pytest.mark.parametrize(("name", "channel"), [("sendgrid", Channel.EMAIL), ("twilio", Channel.SMS)])
def test_a_receipt_parser_is_that_of_its_providers_module(name: str, channel: Channel) -> None:
    source = receipt_source(name)
    assert source is not None and source.channel is channel
    assert source.load_parser().__module__ == PROVIDERS[name].load_sender().__module__


@pytest.mark.parametrize("name", ["smtp", "fcm", "webpush", "simulated", "pigeon"])
def test_other_providers_send_no_receipts(name: str) -> None:
    assert receipt_source(name) is None
