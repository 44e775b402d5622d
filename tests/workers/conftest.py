from __future__ import annotations

from collections.abc import Iterator

import pytest
from dramatiq import Broker
from flask import Flask

from heidi_common.config.settings import Settings
from workers.broker import make_broker


@pytest.fixture
def broker(app: Flask, settings: Settings) -> Iterator[Broker]:
    broker = make_broker(settings.broker_url)
    broker.flush_all()
    yield broker
    broker.flush_all()
    broker.close()
