"""The previous release works with the schema of this version: its own end-to-end walk passes after the migration."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_migration_safety import RELEASE

pytestmark = pytest.mark.operations
PLUGIN = '''\
"""Applies the migrations of the new version to the platform under test while it runs."""

import os
import subprocess
import sys

from tests.faults import platform

platform.START_SECONDS = 1200  # on a busy machine
ATTEMPTS = 3
"""The previous release gives up early on a busy machine; it continues where it was."""
Platform = platform.Platform
start = Platform.start


def start_at_last(self):
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return start(self)
        except AssertionError:
            if attempt == ATTEMPTS:
                raise
            self.stop()


def start_and_migrate(self):
    start_at_last(self)
    command = [sys.executable, "-m", "flask", "-e", str(self.home / "env"), "--app", "wsgi", "db", "upgrade"]
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    subprocess.run(command, cwd=os.environ["NEW_VERSION"], env=env, check=True)
    (revision,) = self.query("SELECT version_num FROM alembic_version")
    print(f"the schema has migration {revision[0]}")


Platform.start = start_and_migrate
'''


@pytest.fixture
def previous_release(tmp_path: Path) -> Path:
    """The files of the previous release, with the entry points of its commands."""
    archive = subprocess.run(["git", "archive", RELEASE["commit"]], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        reason = f"the commit of {RELEASE['version']} is not in this clone: git fetch --unshallow"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder = tmp_path / "previous"
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    # The installed distribution is this version's; that of the working folder takes precedence.
    subprocess.run([sys.executable, "setup.py", "-q", "egg_info"], cwd=folder, check=True)
    (folder / "migrate_on_start.py").write_text(PLUGIN)
    return folder


def test_the_walk_of_the_previous_release_passes_on_the_schema_of_this_version(previous_release: Path) -> None:
    env = os.environ | {"NEW_VERSION": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "migrate_on_start"]
    result = subprocess.run(
        [*command, "tests/test_walk.py"], cwd=previous_release, env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    newest = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("0*.py"))
    assert f"the schema has migration {newest}" in result.stdout
