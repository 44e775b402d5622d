"""No request fails while the instances of a service are restarted in turn, behind the router of every deployment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from heidi_common.config.settings import Settings
from heidi_services import SERVICES
from heidi_standalone.servers.nginx import Router
from tests.gunicorn_server import WebProcess
from tests.ports import free_port
from tests.standalone.conftest import running

pytestmark = pytest.mark.operations
REQUESTS = 10_000
CLIENTS = 6


class Instances:
    """Two instances of the auth service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.ports = [free_port(), free_port()]
        self.running = [self._start(port) for port in self.ports]

    def _start(self, port: int) -> WebProcess:
        changes = {"THROTTLE_ADDRESS_PER_MINUTE": "0", "DRAIN_SECONDS": "5", "LOG_LEVEL": "WARNING"}
        keys = {"JWT_PRIVATE_KEYS": self._settings.jwt_private_keys or ""}
        return WebProcess("auth", self._settings, port=port, **keys, **changes)

    def restart(self, number: int) -> None:
        """Stop an instance, as a rollout does, and start it again."""
        assert self.running[number].stop() == 0
        self.running[number] = self._start(self.ports[number])


@pytest.fixture
def instances(app: Flask, settings: Settings) -> Iterator[Instances]:
    started = Instances(settings)
    yield started
    for process in started.running:
        process.kill()


@pytest.fixture
def url(instances: Instances, tmp_path: Path) -> Iterator[str]:
    first, second = instances.ports
    addresses = dict.fromkeys(SERVICES, "127.0.0.1:1")
    addresses["auth"] = f"127.0.0.1:{first} fail_timeout=1s; server 127.0.0.1:{second}"
    unlimited = {"THROTTLE_ADDRESS_PER_MINUTE": "0", "ROUTER_CONNECTIONS": "0"}
    nginx = Router(tmp_path / "nginx", free_port(), addresses, unlimited)
    nginx.prepare()
    with running(nginx) as router:
        yield router.url


class Load:
    """Clients that send GET and POST requests by turns. Each response must come from the service."""

    def __init__(self, url: str) -> None:
        self.results: Counter[str] = Counter()
        self._url, self._stop = url, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                self.results[self._send(session)] += 1

    def _send(self, session: requests.Session) -> str:
        try:
            keys = session.get(f"{self._url}/.well-known/jwks.json", timeout=60)
            rejected = session.post(f"{self._url}/api/v1/auth/login", json={}, timeout=60)
        except requests.RequestException as error:
            return repr(error)
        return f"{keys.status_code} {rejected.status_code}"


def test_no_request_fails_during_rolling_restarts(instances: Instances, url: str) -> None:
    load = Load(url)
    load.start()
    restarts = 0
    while restarts < 4 or 2 * load.results.total() < REQUESTS:
        instances.restart(restarts % 2)
        restarts += 1
    load.finish()
    print(f"{2 * load.results.total()} requests, {restarts} restarts: {dict(load.results)}")
    assert load.results.keys() == {"200 422"}
