"""The previous release works with the schema of this version, as it must while instances are replaced in turn."""

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
PLUGINS = Path(__file__).parent / "previous_release"
SUITES = {
    "users, clients, cities": (
        *("auth/test_sign_in", "auth/test_refresh", "auth/test_clients", "auth/test_mfa"),
        *("users/test_people", "users/test_erasure", "users/test_last_admin", "city/test_changes", "city/test_reading"),
    ),
    "messages and integrations": (
        *("notification/test_notifications", "notification/test_delivery", "notification/test_bulk"),
        *("notification/test_preferences", "integration/test_integrations", "integration/test_deliveries"),
        "integration/test_receiving",
    ),
    "schedules, events, operations": (
        *("scheduler/test_api", "scheduler/test_dispatch", "scheduler/test_executor"),
        *("core/test_events", "core/test_operations", "core/test_bus", "common/messaging/test_inbox"),
        *("workers/test_relay", "workers/test_clock"),
    ),
}
"""What reads and writes the tables, without what takes long or measures the machine."""


@pytest.fixture(scope="module")
def previous_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the previous release, with the entry points of its commands."""
    archive = subprocess.run(["git", "archive", RELEASE["commit"]], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        reason = f"the commit of {RELEASE['version']} is not in this clone: git fetch --unshallow"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    # The installed distribution is this version's; that of the working folder takes precedence.
    subprocess.run([sys.executable, "setup.py", "-q", "egg_info"], cwd=folder, check=True)
    return folder


def run_tests(release: Path, plugin: str, *arguments: str) -> str:
    """Run tests of the previous release with a plugin; returns their output."""
    env = os.environ | {"NEW_VERSION": str(ROOT), "PYTHONPATH": str(PLUGINS)}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", plugin, *arguments]
    result = subprocess.run(command, cwd=release, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    return result.stdout


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_of_the_previous_release_passes_on_the_schema_of_this_version(
    previous_release: Path, suite: str
) -> None:
    files = [f"tests/{name}.py" for name in SUITES[suite]]
    run_tests(previous_release, "migrate_with_new_version", "-m", "not slow and not rabbitmq", *files)


def test_the_walk_of_the_previous_release_passes_on_the_schema_of_this_version(previous_release: Path) -> None:
    output = run_tests(previous_release, "migrate_on_start", "-k", "not fails and not samples", "tests/test_walk.py")
    newest = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("0*.py"))
    assert f"the schema has migration {newest}" in output
