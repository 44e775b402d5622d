from __future__ import annotations

import pytest

from tests.faults.platform import Platform, Sender


@pytest.fixture
def sender(platform: Platform) -> Sender:
    return Sender(platform, str(platform.query("SELECT id FROM users WHERE role = 'ADMIN'")[0][0]))
