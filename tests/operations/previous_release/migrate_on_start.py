"""A plugin of pytest for the walk of the previous release: the platform is migrated while it runs."""

from __future__ import annotations

import os
import subprocess
import sys

from tests import polling
from tests.faults import platform

platform.START_SECONDS = 1200  # on a busy machine
polling.PATIENCE = 300.0
ATTEMPTS = 3
"""The previous release gives up early on a busy machine; it continues where it was."""
Platform = platform.Platform
start = Platform.start


def start_at_last(running: Platform) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            start(running)
            break
        except AssertionError:
            if attempt == ATTEMPTS:
                raise
            running.stop()


def start_and_migrate(running: Platform) -> None:
    start_at_last(running)
    command = [sys.executable, "-m", "flask", "-e", str(running.home / "env"), "--app", "wsgi", "db", "upgrade"]
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    subprocess.run(command, cwd=os.environ["NEW_VERSION"], env=env, check=True)
    (revision,) = running.query("SELECT version_num FROM alembic_version")
    print(f"the schema has migration {revision[0]}")


Platform.start = start_and_migrate  # type: ignore[method-assign]
