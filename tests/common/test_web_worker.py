"""A web process that is asked to stop, while clients are connected: the real gunicorn with the real settings."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests
from flask import Flask

from heidi_common.config import Settings
from heidi_common.identity import Role
from tests.conftest import SignedIn
from tests.ports import free_port
from tests.web import WebProcess

ROOT = Path(__file__).parents[2]
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


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


class Server:
    """gunicorn on a port of its own; by itself it would wait LONG seconds for whoever is connected."""

    def __init__(self, folder: Path) -> None:
        (folder / "tiny.py").write_text(APP)
        self.port, self.held, self.let_go = free_port(), folder / "held", folder / "let-go"
        settings = {"BIND": f"127.0.0.1:{self.port}", "HEIDI_SERVICE": "city", "GRACEFUL_TIMEOUT": str(LONG)}
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "tiny:app"]
        env = os.environ | settings | {"PYTHONPATH": f"{ROOT}:{folder}", "WEB_CONCURRENCY": "1"}
        self.process = subprocess.Popen(command, cwd=folder, env=env)

    def client(self) -> HTTPConnection:
        """Connected, as soon as somebody listens."""
        found = HTTPConnection("127.0.0.1", self.port, timeout=60)
        until(lambda: self._takes(found))
        return found

    def _takes(self, connection: HTTPConnection) -> bool:
        try:
            connection.connect()
        except ConnectionRefusedError:
            assert self.process.poll() is None
            return False
        return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def test_a_web_process_that_is_to_stop_answers_what_it_was_asked_and_waits_for_nobody_else(server: Server) -> None:
    idle = server.client()
    idle.request("GET", "/")
    assert idle.getresponse().read() == b"ok"
    asking = server.client()
    asking.request("GET", "/held")
    until(server.held.exists)
    server.process.terminate()
    assert isinstance(idle.sock, socket.socket)
    assert idle.sock.recv(1) == b"", "an idle connection is closed"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5)
    server.let_go.touch()
    assert asking.getresponse().read() == b"ok"
    assert server.process.wait(60) == 0


@pytest.mark.parametrize(
    ("service", "path"), [("core", "/api/v1/core/events/stream"), ("notification", "/api/v1/notifications/stream")]
)
def test_an_open_event_stream_ends_when_its_process_is_to_stop(
    app: Flask, settings: Settings, as_user: Callable[..., SignedIn], service: str, path: str
) -> None:
    running = WebProcess(service, settings, GRACEFUL_TIMEOUT=str(LONG))
    try:
        stream = requests.get(running.url + path, headers=as_user(Role.ADMIN).headers, stream=True, timeout=60)
        lines = stream.iter_lines()
        assert next(lines).startswith(b"id: ") and next(lines).startswith(b"retry:")
        assert running.stop() == 0
        assert b"".join(lines).strip() in (b"", b": open")
    finally:
        running.kill()
