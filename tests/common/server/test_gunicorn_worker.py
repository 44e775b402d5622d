"""Start and stop of a web process while clients are connected, with gunicorn and its real settings."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from flask import Flask

from heidi_common.config.settings import Settings
from heidi_common.identity.models import Role
from tests.conftest import SignedIn
from tests.gunicorn_server import WebProcess
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
APP = """
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/held":
        open("held", "w").close()
        while not os.path.exists("let-go"):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
LONG = 600


class Server:
    """gunicorn on its own port. Without WebWorker it would wait LONG seconds for its clients."""

    def __init__(self, folder: Path, address: str | None = None) -> None:
        (folder / "tiny.py").write_text(APP)
        self.port, self.held, self.let_go = free_port(), folder / "held", folder / "let-go"
        settings = {"BIND": address or f"127.0.0.1:{self.port}", "HEIDI_SERVICE": "city", "GRACEFUL_TIMEOUT": str(LONG)}
        command = [str(Path(sys.executable).with_name("gunicorn")), "-c", str(ROOT / "gunicorn.conf.py"), "tiny:app"]
        env = os.environ | settings | {"PYTHONPATH": f"{ROOT}:{folder}", "WEB_CONCURRENCY": "1"}
        self.log = folder / "log"
        self._connections: list[HTTPConnection] = []
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, process_group=0)

    def kill(self) -> None:
        """Kill it with its workers, and close the connections to it."""
        for connection in self._connections:
            connection.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log_lines(self, text: str) -> list[str]:
        """The messages of its log that contain a text."""
        return [record["message"] for record in self.log_records(text)]

    def log_records(self, text: str) -> list[dict[str, Any]]:
        """The lines of its log whose messages contain a text."""
        lines = self.log.read_text().splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        return [record for record in records if text in record["message"]]

    def client(self) -> HTTPConnection:
        """Connect as soon as the server listens."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        self._connections.append(connection)
        until(lambda: _connects(connection))
        return connection


def _connects(connection: HTTPConnection) -> bool:
    try:
        connection.connect()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts a server at an address (by default at a free port). All servers are killed in the end."""
    started: list[Server] = []

    def begin(address: str | None = None) -> Server:
        started.append(Server(tmp_path, address))
        return started[-1]

    yield begin
    for server in started:
        server.kill()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


def test_a_stopping_web_process_finishes_requests_and_closes_idle_connections(server: Server) -> None:
    idle = server.client()
    idle.request("GET", "/")
    assert idle.getresponse().read() == b"ok"
    active = server.client()
    active.request("GET", "/held")
    until(server.held.exists)
    server.process.terminate()
    assert isinstance(idle.sock, socket.socket)
    assert idle.sock.recv(1) == b"", "an idle connection is closed"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
    server.let_go.touch()
    assert active.getresponse().read() == b"ok"
    assert server.process.wait(TIMEOUT_SECONDS) == 0


def test_a_web_process_accepts_requests_as_long_as_the_router_does(server: Server) -> None:
    client = server.client()
    client.request("GET", f"/?cursor={'x' * 8000}", headers={f"X-{number}": "1" for number in range(200)})
    response = client.getresponse()
    assert (response.status, response.read()) == (200, b"ok")


@pytest.mark.parametrize("shared", [False, True])
def test_an_address_in_use_ends_the_start_with_one_clear_line(start: Callable[..., Server], shared: bool) -> None:
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        port = other.getsockname()[1]
        server = start(f"127.0.0.1:{port}")
        assert server.process.wait(TIMEOUT_SECONDS) == 1
    assert server.log_lines("listen at") == [f"Heidi cannot listen at 127.0.0.1:{port}: Address already in use"]
    assert server.log_lines("Booting worker") == [] and server.log_lines("Traceback") == []


def test_an_address_of_another_machine_ends_the_start_too(start: Callable[..., Server]) -> None:
    server = start("192.0.2.1:3002")
    assert server.process.wait(TIMEOUT_SECONDS) == 1
    assert server.log_lines("listen at") == ["Heidi cannot listen at 192.0.2.1:3002: Cannot assign requested address"]


def test_a_reload_does_not_regard_its_own_address_as_in_use(server: Server) -> None:
    server.client().close()
    server.process.send_signal(signal.SIGHUP)
    until(lambda: len(server.log_lines("Booting worker")) == 2 and len(server.log_lines("Worker exiting")) == 1)
    client = server.client()
    client.request("GET", "/")
    assert client.getresponse().read() == b"ok"


def test_an_upgrade_starts_a_second_master_at_the_same_address(server: Server) -> None:
    server.client().close()
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: len(server.log_lines("Booting worker")) == 2)
    (_, second) = (psutil.Process(record["pid"]) for record in server.log_records("Starting gunicorn"))
    server.process.terminate()
    assert server.process.wait(TIMEOUT_SECONDS) == 0
    try:
        client = server.client()
        client.request("GET", "/")
        assert client.getresponse().read() == b"ok"
    finally:
        second.terminate()
        second.wait(TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    ("service", "path"), [("core", "/api/v1/core/events/stream"), ("notification", "/api/v1/notifications/stream")]
)
def test_an_open_event_stream_ends_when_its_process_stops(
    app: Flask, settings: Settings, as_user: Callable[..., SignedIn], service: str, path: str
) -> None:
    running = WebProcess(service, settings, GRACEFUL_TIMEOUT=str(LONG))
    try:
        stream = requests.get(
            running.url + path, headers=as_user(Role.ADMIN).headers, stream=True, timeout=TIMEOUT_SECONDS
        )
        lines = stream.iter_lines()
        assert next(lines).startswith(b"id: ") and next(lines).startswith(b"retry:")
        assert running.stop() == 0
        assert b"".join(lines).strip() in (b"", b": open")
    finally:
        running.kill()
