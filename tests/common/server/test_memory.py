"""Freed memory is returned to the system once after each period of work, never while requests arrive."""

from __future__ import annotations

import subprocess
import sys

import pytest

from heidi_common.server.memory import IDLE_SECONDS, IdleTrimmer

HASH_AND_TRIM = """
import re, threading
from pathlib import Path
from heidi_common.identity.password_hashing import PasswordHasher
from heidi_common.server.memory import IdleTrimmer, use_one_arena

def resident_mb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) / 1024

use_one_arena()
before = resident_mb()
hasher = PasswordHasher(slots=4)
stored = hasher.hash("a password")
threads = [threading.Thread(target=lambda: [hasher.verify(stored, "a password") for _ in range(5)]) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
trimmer = IdleTrimmer()
trimmer.check(1, 0.0)
trimmer.check(1, 1000.0)
print(resident_mb() - before)
"""


@pytest.fixture
def trims() -> list[float]:
    return []


def test_memory_is_returned_once_after_each_period_of_work(trims: list[float]) -> None:
    now = 0.0
    trimmer = IdleTrimmer(lambda: trims.append(now))
    for second, handled in enumerate([0, 5, 9, *[9] * 20, 10, *[10] * 20]):
        now = float(second)
        trimmer.check(handled, now)
    assert trims == [2 + IDLE_SECONDS, 23 + IDLE_SECONDS]


def test_a_process_that_has_handled_nothing_is_left_alone(trims: list[float]) -> None:
    trimmer = IdleTrimmer(lambda: trims.append(0.0))
    for second in range(100):
        trimmer.check(0, float(second))
    assert trims == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_password_hashes_is_returned() -> None:
    output = subprocess.run(
        [sys.executable, "-c", HASH_AND_TRIM], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(output.stdout) < 10
