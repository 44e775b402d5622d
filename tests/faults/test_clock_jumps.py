"""The clock of a machine jumps, by libfaketime: nothing is recorded for the future, and later slots still fire."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from heidi_common.app import build_app
from heidi_common.cli.commands import init_migrations
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.runtime import current_settings
from heidi_services import SERVICES
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import schedules
from heidi_standalone.servers.postgres import BINARIES, Postgres
from tests.conftest import ROOT, make_settings

LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1", "/usr/lib64/faketime/*.so.1")
SECONDS = 90

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def library() -> Path:
    """libfaketime. Without it the test is skipped; under CI=true it fails."""
    paths = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    if paths:
        return paths[0]
    reason = "libfaketime is not installed (Debian: apt-get install faketime)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class FakeTime:
    """A clock that can be set for all processes that are started with its environment."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "faketime"
        self.set("+0")
        self.environment = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(offset + "\n")
        new.replace(self.file)


class FakedPostgres(Postgres):
    """The library is loaded after the change to the service's user, who could not use what it creates for root."""

    def __init__(self, folder: Path, fake_time: FakeTime) -> None:
        super().__init__(folder, durable=False)
        self.fake_time = fake_time

    def _command(self, program: str, *options: str) -> list[str]:
        if program != "postgres":
            return super()._command(program, *options)
        variables = [f"{name}={value}" for name, value in self.fake_time.environment.items()]
        return super()._command("/usr/bin/env", *variables, str(BINARIES / program), *options)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that the user of the database server can read, too."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def fake_time(public_folder: Path) -> FakeTime:
    return FakeTime(public_folder)


@pytest.fixture
def faked_app(fake_time: FakeTime, tmp_path: Path, redis_url: str) -> Iterator[Flask]:
    """The scheduler on a separate database server, whose clock can be set."""
    server = FakedPostgres(tmp_path / "pg", fake_time)
    server.start()
    try:
        app = build_app(make_settings(server.url, redis_url), SERVICES["scheduler"])
        init_migrations(app)
        with app.app_context():
            flask_migrate.upgrade(str(ROOT / "migrations"))
            yield app
            db.session.remove()
            db.engine.dispose()
    finally:
        server.stop()


RUN_CLOCK = """
import pickle, sys
from heidi_common.config.settings import Settings
settings = pickle.loads(bytes.fromhex(sys.stdin.read()))
Settings.from_env = classmethod(lambda cls, *_: settings)
from workers import clock
clock.main()
"""


@contextmanager
def clock_process(settings: Settings, log: Path, environment: dict[str, str]) -> Iterator[Callable[[], str]]:
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RUN_CLOCK],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env=os.environ | environment,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(settings).hex())
        process.stdin.close()
        try:
            yield log.read_text
        finally:
            process.terminate()
            process.wait(30)


def every_minute() -> None:
    schedules.create_schedule(
        {
            "name": "every minute",
            "cron_expression": "* * * * *",
            "timezone": "UTC",
            "action": "event.emit",
            "payload": {"type": "custom.tick"},
            "misfire_policy": "SKIP",
            "misfire_window_seconds": 3600,
            "overlap_policy": "ALLOW",
            "max_attempts": 1,
            "timeout_seconds": 5,
            "jitter_seconds": 0,
            "is_enabled": True,
        },
        requested_by=uuid7(),
    )


def wait_for(condition: Callable[[], bool], log: Callable[[], str], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, log()[-3000:]
        time.sleep(0.3)


def slots() -> list[datetime]:
    db.session.rollback()
    return list(db.session.scalars(select(ScheduleRun.scheduled_for).order_by(ScheduleRun.scheduled_for)))


@pytest.mark.parametrize(
    ("everywhere", "offset"), [(True, "+30h"), (False, "-9h")], ids=["the whole machine", "the clock process only"]
)
def test_slots_fire_once_after_a_jump(
    faked_app: Flask, fake_time: FakeTime, tmp_path: Path, everywhere: bool, offset: str
) -> None:
    every_minute()
    own = fake_time if everywhere else FakeTime(tmp_path)
    with clock_process(current_settings(), tmp_path / "clock.log", own.environment) as log:
        wait_for(lambda: len(slots()) >= 1, log)
        before = slots()
        own.set(offset)
        wait_for(lambda: "dispatching of schedules is paused" in log(), log)
        time.sleep(12)
        assert slots() == before
        own.set("+0")
        wait_for(lambda: len(slots()) > len(before), log)
        assert all(abs(slot - datetime.now(UTC)) < timedelta(minutes=5) for slot in slots())
    assert db.session.scalar(select(func.count()).where(Schedule.next_run > func.now() + timedelta(minutes=2))) == 0
