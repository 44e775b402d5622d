"""The role over real sockets, beside the other services in one app, in an event loop of its own thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from flask import Flask
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect
from werkzeug.serving import make_server

from heidi_common.app import build_app
from heidi_common.config.service_registry import REALTIME
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_realtime.channels import status
from heidi_realtime.server import RealtimeServer
from heidi_services.core.service import event_tail
from tests.conftest import SignedIn, make_settings
from tests.polling import TIMEOUT_SECONDS, until

PATH = "/api/v1/realtime"
JSON = dict[str, Any]


@pytest.fixture(scope="package")
def services(platform: Flask) -> Iterator[str]:
    """The URL of all services, which the role calls."""
    server = make_server("127.0.0.1", 0, platform, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Running:
    """A running role."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app = app
        self.server = RealtimeServer(app, settings, grace_seconds=TIMEOUT_SECONDS)
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._listening.wait(TIMEOUT_SECONDS)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{PATH}"

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self.server.serve_until(self._stop, "127.0.0.1", 0, self._started)

    def _started(self, server: Any) -> None:
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()

    def has_no_tail(self) -> bool:
        tail = self.app.extensions.get("heidi_event_tail")
        return tail is None or tail._thread is None

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(TIMEOUT_SECONDS)
            assert not self._thread.is_alive()


Start = Callable[..., Running]


@pytest.fixture(scope="package")
def start_realtime(services: str, settings: Settings) -> Iterator[Start]:
    """Start the role: `start_realtime(cors_origins=("https://app.example",))`. It runs until all tests are done."""
    started: list[Running] = []

    def start(**changes: object) -> Running:
        changed = make_settings(settings.database_url, settings.redis_url, peer_url=services, **changes)
        started.append(Running(build_app(changed, REALTIME), changed))
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(status, "CHECK_SECONDS", 0.2)
        patch.setattr(event_tail, "_POLL_SECONDS", 0.2)
        yield start
        patch.setattr(event_tail, "_IDLE_SECONDS", 0.0)
        for running in started:
            running.stop()
            until(running.has_no_tail)  # its thread ends when it is idle
            with running.app.app_context():
                db.engine.dispose()


@pytest.fixture(scope="package")
def shared_realtime(start_realtime: Start) -> Running:
    return start_realtime()


@pytest.fixture
def realtime(app: Flask, shared_realtime: Running) -> Running:
    """The role, which most tests share, with empty tables."""
    return shared_realtime


class Socket:
    """A client."""

    def __init__(self, url: str, **options: Any) -> None:
        self._stack = ExitStack()
        self.connection: ClientConnection = self._stack.enter_context(
            connect(url, open_timeout=TIMEOUT_SECONDS, **options)
        )

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def receive(self) -> JSON:
        message: JSON = json.loads(self.connection.recv(TIMEOUT_SECONDS))
        return message

    def ask(self, **message: Any) -> JSON:
        self.send(**message)
        return self.receive()

    def sign_in(self, user: SignedIn) -> Socket:
        response = self.ask(op="authenticate", token=token_of(user))
        assert response["op"] == "authenticated", response
        return self

    def subscribe(self, channel: str, **more: Any) -> JSON:
        response = self.ask(op="resume" if more else "subscribe", channel=channel, **more)
        assert response["op"] == "subscribed", response
        return response

    def close_code(self) -> int:
        """Read until the server closes the connection; return why it has done so."""
        self.remaining()
        assert self.connection.close_code is not None
        return self.connection.close_code

    def remaining(self) -> list[JSON]:
        """Read until the server closes the connection."""
        messages: list[JSON] = []
        with suppress(ConnectionClosedError):
            messages.extend(map(json.loads, self.connection))
        return messages

    def close(self) -> None:
        self._stack.close()


def token_of(user: SignedIn) -> str:
    return user.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def connect_to() -> Iterator[Callable[..., Socket]]:
    """Connect to a running role; the sockets are closed after the test."""
    sockets: list[Socket] = []

    def open_socket(running: Running, user: SignedIn | None = None, **options: Any) -> Socket:
        sockets.append(Socket(running.url, **options))
        return sockets[-1].sign_in(user) if user else sockets[-1]

    yield open_socket
    for socket in sockets:
        socket.close()
