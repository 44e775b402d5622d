"""Dead background processes are noticed: a real Prometheus with the shipped rules reads a service that survives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from flask import Flask

from heidi_common.config.settings import Settings
from tests.conftest import ROOT
from tests.deploy.test_alerting import MONITORING, PROMETHEUS
from tests.gunicorn_server import WebProcess
from tests.polling import until
from tests.ports import free_port
from tests.workers.test_heartbeat import environment

pytestmark = [
    pytest.mark.operations,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed"),
]
COMMANDS = {
    "relay": ("-m", "workers.relay"),
    "clock": ("-m", "workers.clock"),
    "worker": ("-m", "workers.main", "--processes", "1", "--threads", "2"),
}


@pytest.fixture
def service(app: Flask, settings: Settings) -> Iterator[WebProcess]:
    running = WebProcess("users", settings)
    yield running
    running.kill()


def start_prometheus(folder: Path, target: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start Prometheus with the rules of the deployments, whose waiting times are shortened to seconds."""
    for name in PROMETHEUS["rule_files"]:
        rules = yaml.safe_load((MONITORING / name).read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = "2s"
        (folder / name).write_text(yaml.safe_dump(rules))
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": PROMETHEUS["rule_files"],
        "scrape_configs": [
            {"job_name": "heidi", "static_configs": [{"targets": [target], "labels": {"service": "users"}}]}
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    process = subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return process, f"http://127.0.0.1:{port}"


@pytest.fixture
def prometheus(service: WebProcess, tmp_path: Path) -> Iterator[str]:
    process, url = start_prometheus(tmp_path, service.url.removeprefix("http://"))
    yield url
    process.terminate()
    process.wait()


def get(prometheus: str, path: str) -> Any:
    try:
        response = requests.get(f"{prometheus}/api/v1/{path}", timeout=10)
    except requests.ConnectionError:
        return {"alerts": [], "result": []}
    return response.json()["data"] if response.ok else {"alerts": [], "result": []}


def alerts(prometheus: str) -> dict[str, set[str]]:
    """The alerts that fire: name -> roles."""
    firing: dict[str, set[str]] = {}
    for alert in get(prometheus, "alerts")["alerts"]:
        if alert["state"] == "firing":
            firing.setdefault(alert["labels"]["alertname"], set()).add(alert["labels"].get("role", ""))
    return firing


def is_scraped(prometheus: str) -> bool:
    """Whether all roles have given a sign of life."""
    return len(get(prometheus, "query?query=heidi_heartbeat_age_seconds")["result"]) == len(COMMANDS)


class Background:
    """The relay, the clock and a worker."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *roles: str) -> None:
        for role in roles:
            command = [sys.executable, *COMMANDS[role]]
            self._running[role] = subprocess.Popen(command, cwd=ROOT, env=self._env, process_group=0)

    def kill(self, *roles: str) -> None:
        for role in roles:
            process = self._running.pop(role)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill_all(self) -> None:
        self.kill(*list(self._running))


@pytest.fixture
def background(app: Flask, settings: Settings, tmp_path: Path) -> Iterator[Background]:
    processes = Background(environment(settings, tmp_path))
    yield processes
    processes.kill_all()


def test_a_dead_worker_and_clock_are_noticed_until_they_are_back(background: Background, prometheus: str) -> None:
    background.start(*COMMANDS)
    until(lambda: is_scraped(prometheus), 300)
    until(lambda: "BackgroundProcessDown" not in alerts(prometheus), 300)
    background.kill("worker", "clock")
    until(lambda: alerts(prometheus).get("BackgroundProcessDown") == {"worker", "clock"}, 300, pause=1)
    background.start("worker", "clock")
    until(lambda: "BackgroundProcessDown" not in alerts(prometheus), 300, pause=1)
