"""Heartbeats of background processes, and the probe that checks them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.metrics import heartbeat
from heidi_common.metrics.heartbeat import Heartbeat, Pulse
from heidi_common.server.heartbeat_files import own_file, running_files
from tests.polling import until
from tests.process_environment import process_environment
from workers.broker import AppContext
from workers.heartbeat import hanging
from workers.runner import run_until_stopped
from workers.worker_pulse import BUSY_SECONDS, WorkerPulse

UNAVAILABLE = "postgresql://x@127.0.0.1:1/x"
HOUR = 3600.0


@pytest.fixture
def pulse(app: Flask, tmp_path: Path) -> Pulse:
    pulse = Pulse("clock", tmp_path)
    pulse.beat()
    return pulse


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def age_row(seconds: float) -> None:
    with transaction():
        db.session.execute(update(Heartbeat).values(beat_at=func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)))


def age_file(file: Path) -> None:
    os.utime(file, times=(time.time() - HOUR,) * 2)


def test_the_row_decides_while_the_database_is_available(pulse: Pulse, tmp_path: Path, database_url: str) -> None:
    assert hanging("clock", tmp_path, database_url) == {}
    age_file(pulse.file)
    assert hanging("clock", tmp_path, database_url) == {}
    age_row(HOUR)
    assert set(hanging("clock", tmp_path, database_url) or {}) == {os.getpid()}


def test_the_file_decides_without_database(pulse: Pulse, tmp_path: Path) -> None:
    assert hanging("clock", tmp_path, UNAVAILABLE) == {}
    age_file(pulse.file)
    assert set(hanging("clock", tmp_path, UNAVAILABLE) or {}) == {os.getpid()}


def test_processes_of_other_roles_and_ended_ones_do_not_count(
    pulse: Pulse, tmp_path: Path, database_url: str, sleeper: subprocess.Popen[bytes]
) -> None:
    assert hanging("relay", tmp_path, database_url) is None
    ended = tmp_path / f"clock.{sleeper.pid}"
    age_file_of_new(ended)
    assert set(hanging("clock", tmp_path, database_url) or {}) == {sleeper.pid}
    sleeper.kill()
    sleeper.wait()
    assert hanging("clock", tmp_path, database_url) == {}
    assert own_file("clock", tmp_path) == pulse.file and not ended.exists()
    pulse.end()
    assert hanging("clock", tmp_path, database_url) is None


def age_file_of_new(file: Path) -> None:
    file.touch()
    age_file(file)


def test_a_pulse_beats_at_most_every_few_seconds_and_survives_an_outage(app: Flask, tmp_path: Path) -> None:
    times = iter([0.0, 1.0, 11.0, 30.0])
    pulse = Pulse("relay", tmp_path, clock=lambda: next(times))
    pulse.beat()
    age_row(HOUR)
    pulse.beat()
    stored = select(func.extract("epoch", func.now() - Heartbeat.beat_at))
    assert db.session.scalar(stored) >= HOUR
    db.session.rollback()
    pulse.beat()
    assert db.session.scalar(stored) < HOUR
    db.session.rollback()
    pulse.file.unlink()
    with transaction():
        db.session.execute(heartbeat.delete(Heartbeat))
    tmp_path.chmod(0o500)
    pulse.beat()  # a folder without permission, or a full disk, is reported and otherwise ignored
    tmp_path.chmod(0o700)
    assert db.session.scalar(select(func.count()).select_from(Heartbeat)) == 1


def test_the_age_of_a_role_is_that_of_its_latest_heartbeat_and_old_rows_are_deleted(pulse: Pulse) -> None:
    age_row(HOUR)
    with transaction():
        db.session.add(Heartbeat(role="clock", host="other", process_id=1, started_at=func.now(), beat_at=func.now()))
    with db.engine.connect() as connection:
        assert heartbeat.read_ages(connection)["clock"] < HOUR
    age_row(25 * HOUR)
    heartbeat.delete_old()
    assert db.session.scalar(select(func.count()).select_from(Heartbeat)) == 0


def test_a_loop_beats_although_its_rounds_fail() -> None:
    beats: list[int] = []

    def stop_later() -> None:
        beats.append(1)
        if len(beats) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    def fail() -> None:
        raise ConnectionError("unavailable")

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    run_until_stopped("example", fail, beat=stop_later)
    for number, handler in before.items():
        signal.signal(number, handler)
    assert len(beats) == 2


def test_a_worker_with_a_thread_that_never_ends_stops_beating(settings: Settings) -> None:
    pulse = WorkerPulse(AppContext(settings))
    pulse.started = {1: 100.0, 2: 100.0 + BUSY_SECONDS}
    assert not pulse.is_stuck(100.0 + BUSY_SECONDS) and pulse.is_stuck(101.0 + BUSY_SECONDS)


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    return process_environment(settings, HEARTBEAT_FOLDER=str(folder))


def probe(role: str, settings: Settings, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.heartbeat", role, *options]
    return subprocess.run(command, env=environment(settings, folder), capture_output=True, text=True)


def test_the_command_reports_and_kills_what_hangs(
    pulse: Pulse, settings: Settings, tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    assert probe("clock", settings, tmp_path).returncode == 0
    assert "no relay is running" in probe("relay", settings, tmp_path).stderr
    assert probe("router", settings, tmp_path).returncode == 2
    age_file_of_new(tmp_path / f"clock.{sleeper.pid}")
    result = probe("clock", settings, tmp_path, "--kill")
    assert result.returncode == 1 and f"clock {sleeper.pid} hangs" in result.stderr, result
    assert sleeper.wait() == -signal.SIGKILL


def test_the_command_distinguishes_what_it_cannot_check_from_what_hangs(settings: Settings, tmp_path: Path) -> None:
    env = environment(settings, tmp_path) | {"DATABASE_URL": ""}
    result = subprocess.run(
        [sys.executable, "-m", "workers.heartbeat", "clock"], env=env, capture_output=True, text=True
    )
    assert result.returncode == 2 and "DATABASE_URL" in result.stderr and "Traceback" not in result.stderr


def test_the_clock_beats(settings: Settings, app: Flask, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-m", "workers.clock"], env=environment(settings, tmp_path))
    try:
        until(lambda: running_files("clock", tmp_path))
        until(lambda: hanging("clock", tmp_path, settings.database_url) == {})
        until(lambda: db.session.scalar(select(Heartbeat.process_id)) == process.pid or db.session.rollback())
    finally:
        process.terminate()
        process.wait()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_beats_as_soon_as_its_app_exists_and_removes_its_file_when_it_ends(
    app: Flask, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.worker_pulse.FILE_SECONDS", 0.01)
    context = AppContext(replace(settings, heartbeat_folder=str(tmp_path)))
    worker = WorkerPulse(context)
    worker.after_process_boot(None)  # type: ignore[arg-type]
    assert hanging("worker", tmp_path, settings.database_url) is None
    context.app = app
    until(lambda: hanging("worker", tmp_path, settings.database_url) == {})
    worker.after_worker_shutdown(None, None)  # type: ignore[arg-type]
    until(lambda: worker.thread is not None and not worker.thread.is_alive())
    assert hanging("worker", tmp_path, settings.database_url) is None
