"""Payloads that actions accept and reject."""

from __future__ import annotations

import pytest
from flask import Flask

from heidi_services.scheduler.actions.http_request import HttpRequestPayload


@pytest.mark.parametrize("seconds", ["5", 5.5, True, 0, 301])
def test_the_timeout_of_a_request_must_be_a_whole_number_up_to_300(app: Flask, seconds: object) -> None:
    errors = HttpRequestPayload().validate({"url": "https://example.com/", "timeoutSeconds": seconds})
    assert list(errors) == ["timeoutSeconds"]


def test_a_timeout_of_five_seconds_is_accepted(app: Flask) -> None:
    assert HttpRequestPayload().validate({"url": "https://example.com/", "timeoutSeconds": 5}) == {}
