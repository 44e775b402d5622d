from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from heidi_common.redis.client import connect


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = connect(redis_url)
    client.flushall()
    yield client
    client.close()
