"""Every process logs JSON from its first line to its last, started with the command of docker compose."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from heidi_common.audit.trail import record
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services import SERVICES
from heidi_services.city.service import shipped_sets
from tests.deploy.manifests import COMPOSE, OWN_PROCESSES, ROOT
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.process_environment import process_environment
from tests.standalone.test_prepare import ADD_CITY

SCRIPTS = Path(sys.executable).parent
READY = {
    "worker": "Worker process is ready for action.",
    "relay": "started",
    "clock": "started",
    "realtime": "started",
    "backup": "Created",
}
"""What a process logs when it works; web processes: `Booting worker`."""


class Process:
    """A process of the platform, with its output in a file."""

    def __init__(self, name: str, folder: Path, env: dict[str, str]) -> None:
        command = [str(part) for part in COMPOSE[name].get("command", ["gunicorn"])]
        self.output = folder / f"{name}.log"
        with self.output.open("w") as file:
            command[0] = str(SCRIPTS / command[0])
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file)

    def lines(self) -> list[str]:
        """The complete lines of its output."""
        return [line for line in self.output.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def logs(self, text: str) -> bool:
        """Whether it has logged a text; fails if it has ended without."""
        ended = self.process.poll() is not None
        logged = any(text in line for line in self.lines())
        assert logged or not ended, self.output.read_text()
        return logged

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def start(app: Flask, settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a process with the settings of the tests and others. It is killed at the end."""
    started: list[Process] = []
    heartbeats = tmp_path / "heartbeats"
    heartbeats.mkdir()

    def start(name: str, **others: str) -> Process:
        web = {key: str(COMPOSE[name].get("environment", {}).get(key, "")) for key in ("HEIDI_SERVICE",)}
        web |= {"BIND": f"127.0.0.1:{free_port()}", "WEB_CONCURRENCY": "2", "LOG_FORMAT": "", "LOG_LEVEL": "INFO"}
        env = process_environment(settings, **web, FLASK_SKIP_DOTENV="1", BACKUP_URL=(tmp_path / "backups").as_uri())
        started.append(Process(name, tmp_path, env | {"HEARTBEAT_FOLDER": str(heartbeats)} | others))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def parsed(lines: list[str], service: str) -> list[dict[str, Any]]:
    """Parse lines, and check the fields that all of them have."""
    assert lines
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for each in records:
        assert each["level"] in ("INFO", "WARNING", "ERROR", "CRITICAL")
        assert (each["service"], bool(each["message"])) == (service, True)
        assert datetime.fromisoformat(each["time"]).tzinfo
    return records


@pytest.mark.parametrize(
    "name", [name for name in OWN_PROCESSES if name not in {*SERVICES, "console"} or name == "auth"]
)
def test_a_process_logs_json_from_its_start_to_its_end(start: Callable[..., Process], name: str) -> None:
    running = start(name)
    until(lambda: running.logs(READY.get(name, "Booting worker")))
    assert running.stop() == 0
    records = parsed(running.lines(), name)
    assert len(records) >= 2


def test_the_migrations_log_json(start: Callable[..., Process]) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(ADD_CITY))
    shipped_sets.record_import(15000)  # so that the import, which takes long, is not needed
    running = start("migrate")
    assert running.process.wait(TIMEOUT_SECONDS) == 0, running.output.read_text()
    parsed(running.lines(), "migrate")


def test_the_backup_process_logs_json(start: Callable[..., Process]) -> None:
    running = start("backup")
    until(lambda: running.logs(READY["backup"]))
    assert running.stop() == 143
    parsed(running.lines(), "backup")


@pytest.mark.parametrize("name", ["auth", "realtime", "worker", "relay"])
def test_a_wrong_setting_is_named_in_one_line(start: Callable[..., Process], name: str) -> None:
    running = start(name, SECRET_KEY="short", MAX_BODY_BYTES="many", WEB_CONCURRENCY="1")
    assert running.process.wait(TIMEOUT_SECONDS) != 0
    records = parsed(running.lines(), name)
    (line,) = (each for each in records if "MAX_BODY_BYTES" in each["message"])
    assert line["level"] == "CRITICAL" and "SECRET_KEY" in line["message"] and "exc_info" not in line


def test_the_audit_trail_is_printed_in_the_same_format(app: Flask, settings: Settings) -> None:
    with transaction():
        record("user_updated", detail={"changed": ["role"]})
    command = [str(SCRIPTS / "flask"), "audit", "export"]
    env = process_environment(settings, FLASK_SKIP_DOTENV="1", LOG_LEVEL="WARNING")
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    (row,) = parsed(result.stdout.splitlines(), "audit")
    assert (row["logger"], row["message"], row["detail"]) == ("heidi.audit", "user_updated", {"changed": ["role"]})
