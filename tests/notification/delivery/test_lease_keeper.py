"""The leases of notifications whose provider takes long to respond."""

import threading
from typing import Any, cast

import pytest
from flask import Flask

from heidi_services.notification.service.delivery import lease_keeper
from heidi_services.notification.service.delivery.claim import ClaimedNotification
from heidi_services.notification.service.delivery.lease_keeper import LeaseKeeper
from tests.polling import TIMEOUT_SECONDS


def test_a_lease_is_extended_as_long_as_the_call_takes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeper, "EXTEND_AFTER_SECONDS", 0.01)
    job, extended = cast(ClaimedNotification, object()), threading.Semaphore(0)

    def extend(claimed: Any) -> None:
        assert claimed is job
        extended.release()

    with LeaseKeeper(extend).keeps(job, app):
        for _ in range(3):
            assert extended.acquire(timeout=TIMEOUT_SECONDS)
