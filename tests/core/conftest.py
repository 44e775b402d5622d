"""Core in one app with the real services, whose calls may fail (`peers`), and core alone for the tests of time limits.

Alone, it has fake peers: one HTTP server responds for every service, under the name of the service.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.operations.registry import core_scopes
from heidi_common.peers import transport
from heidi_services import SERVICES
from heidi_services.auth.service import clients
from heidi_services.core import credentials
from heidi_services.core.service import status
from tests.core.operation_helpers import PeerCalls
from tests.polling import TIMEOUT_SECONDS


@pytest.fixture
def httpserver() -> Iterator[HTTPServer]:
    """The fake server of all peers, with threads, since peers are called concurrently."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture
def core(app: Flask, settings: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr(status, "_TIME_LIMIT_SECONDS", TIMEOUT_SECONDS)
    peers = httpserver.url_for("/{service}").replace("%7B", "{").replace("%7D", "}")
    alone = build_app(settings.changed(peer_url=peers), SERVICES["core"])
    yield alone
    with alone.app_context():
        db.engine.dispose()


@pytest.fixture
def core_client(core: Flask) -> FlaskClient:
    return core.test_client()


Respond = Callable[..., None]


@pytest.fixture
def respond(httpserver: HTTPServer) -> Respond:
    """`respond("users", "/api/v1/users/1", {...})`: set the response of a peer."""

    def set_response(
        peer: str, path: str, data: Any = None, status: int = 200, method: str = "GET", **more: Any
    ) -> None:
        query = more.pop("query", None)
        body = {"data": data, "meta": more.pop("meta", {})} if status < 400 else {"code": more.pop("code", "x")}
        expected = httpserver.expect_request(f"/{peer}{path}", method=method, query_string=query)
        expected.respond_with_json(body, status=status)

    return set_response


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


@pytest.fixture
def core_machine(app: Flask, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The ID of core's machine client, with which the app is configured."""
    created = clients.create_client("core", [str(scope) for scope in core_scopes()], actor=None)
    configured = {"core_client_id": str(created["id"]), "core_client_secret": created["client_secret"]}
    runtime = app.extensions["heidi"]
    monkeypatch.setattr(runtime, "settings", replace(runtime.settings, **configured))
    monkeypatch.setattr(credentials, "_cached_tokens", {})
    client_id: UUID = created["id"]
    return client_id


@pytest.fixture
def peers(app: Flask, core_machine: UUID, monkeypatch: pytest.MonkeyPatch) -> PeerCalls:
    """The calls from core to the real services."""
    calls = PeerCalls(app, transport._call_in_process)
    monkeypatch.setattr(transport, "_call_in_process", calls)
    return calls
