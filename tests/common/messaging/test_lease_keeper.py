"""The leases of rows whose work waits long for another system."""

import threading
from uuid import uuid4

import pytest
from flask import Flask

from heidi_common.messaging import lease_keeper
from heidi_common.messaging.lease_keeper import LeaseKeeper
from tests.polling import TIMEOUT_SECONDS


def test_a_lease_is_extended_as_long_as_the_call_takes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeper, "EXTEND_AFTER_SECONDS", 0.01)
    extended = threading.Semaphore(0)
    with LeaseKeeper().keeps(uuid4(), extended.release, app):
        for _ in range(3):
            assert extended.acquire(timeout=TIMEOUT_SECONDS)
