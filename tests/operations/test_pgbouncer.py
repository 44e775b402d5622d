"""The platform behind PgBouncer in transaction mode: the suites of services run with it in a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [
    pytest.mark.operations,
    pytest.mark.skipif(not shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), reason="PgBouncer is not installed"),
]
SUITES = (
    "common/database/test_listener.py",
    "common/messaging/test_inbox.py",
    "workers/test_relay.py",
    "notification/test_stream.py",
    "scheduler/test_worker.py",
    "scheduler/test_concurrent_clocks.py",
    "core/test_stream.py",
    "standalone/test_doctor.py",
)
"""What uses LISTEN, advisory locks, time limits, autocommit and long transactions."""


def test_suites_of_several_services_pass_behind_pgbouncer() -> None:
    files = [f"tests/{name}" for name in SUITES]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not rabbitmq and not slow",
        *files,
    ]
    env = os.environ | {"HEIDI_TEST_PGBOUNCER": "1"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-5000:]
