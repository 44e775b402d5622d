"""What an action may be told."""

from __future__ import annotations

import pytest
from flask import Flask

from heidi_services.scheduler.actions.http_request import Payload


@pytest.mark.parametrize("seconds", ["5", 5.5, True, 0, 301])
def test_the_seconds_of_a_call_are_a_whole_number_up_to_300(app: Flask, seconds: object) -> None:
    told = Payload().validate({"url": "https://example.com/", "timeoutSeconds": seconds})
    assert list(told) == ["timeoutSeconds"]


def test_five_seconds_are_fine(app: Flask) -> None:
    assert Payload().validate({"url": "https://example.com/", "timeoutSeconds": 5}) == {}
