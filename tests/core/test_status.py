from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from heidi_common.app import build_app
from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.peers.models import PeerResponse
from heidi_services import SERVICES
from heidi_services.core.service.status import StatusCache, check_services, summarize
from tests.conftest import make_settings
from tests.core.operation_helpers import NO_RESPONSE, UNAVAILABLE, PeerCalls

PATH = "/api/v1/core/status"
READYZ = "GET /readyz"
UP = {"status": "up", "latencyMs": 1.0}
DOWN = {"status": "down", "error": "OperationalError"}
PEERS = [name for name in SERVICES if name != "core"]


@pytest.fixture(autouse=True)
def _fresh_status(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is shown the status that another one has checked a moment ago."""
    monkeypatch.setitem(app.extensions, "core_status", StatusCache(check_services, max_age=0))


def test_the_status_is_public(client: FlaskClient) -> None:
    response = client.get(PATH)
    status = response.get_json()["data"]
    assert (response.status_code, status["status"]) == (200, "up")
    assert status["services"] == [{"name": name, "status": "up"} for name in SERVICES]
    assert {part["name"] for part in status["dependencies"]} == {"postgresql", "redis", "broker"}


@pytest.mark.parametrize("failing", PEERS)
@pytest.mark.parametrize(
    "response", [NO_RESPONSE, UNAVAILABLE, PeerResponse(200, "text")], ids=["silent", "503", "not JSON"]
)
def test_a_service_that_does_not_respond_is_down_and_the_platform_degraded(
    client: FlaskClient, peers: PeerCalls, failing: str, response: PeerResponse
) -> None:
    peers.fail(failing, [response])
    status = client.get(PATH).get_json()["data"]
    assert status["status"] == "degraded"
    assert [part["name"] for part in status["services"] if part["status"] == "down"] == [failing]


def test_only_an_administrator_sees_the_details(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    admin = client.get(PATH, headers=as_user(Role.ADMIN).headers).get_json()["data"]
    users = next(part for part in admin["services"] if part["name"] == "users")
    assert users["latencyMs"] > 0 and users["dependencies"]["redis"]["status"] == "up"
    for headers in ({}, as_user().headers, {"Authorization": "Bearer nonsense"}):
        shown = client.get(PATH, headers=headers).get_json()["data"]
        assert set(shown["services"][0]) == {"name", "status"}


def test_many_requests_share_one_check_while_it_is_cached(app: Flask, client: FlaskClient, peers: PeerCalls) -> None:
    app.extensions["core_status"] = StatusCache(check_services, max_age=600)
    for _ in range(10):
        client.get(PATH)
    assert peers.names() == [READYZ] * len(PEERS)


def test_a_check_takes_one_connection_for_each_service(client: FlaskClient) -> None:
    """Of a pool with little left, a check would otherwise take several, one after the other."""
    taken: list[object] = []

    def count(*connection: object) -> None:
        taken.append(connection)

    event.listen(db.engine.pool, "checkout", count)
    try:
        assert client.get(PATH).get_json()["data"]["status"] == "up"
    finally:
        event.remove(db.engine.pool, "checkout", count)
    assert len(taken) == len(SERVICES)


def test_the_cache_checks_again_when_it_has_expired() -> None:
    results = iter([{"n": 1}, {"n": 2}])
    cache = StatusCache(lambda: next(results), max_age=0.0)
    assert (cache.get(), cache.get()) == ({"n": 1}, {"n": 2})


def service(name: str, status: str, **dependencies: Any) -> dict[str, Any]:
    return {"name": name, "status": status, "dependencies": dependencies}


def test_a_dependency_is_down_if_no_service_reaches_it_and_degraded_if_some_do() -> None:
    services = [
        service("a", "up", postgresql=UP, redis=DOWN, broker=UP),
        service("b", "degraded", postgresql=UP, redis=DOWN, broker=DOWN),
    ]
    statuses = {part["name"]: part["status"] for part in summarize(services)["dependencies"]}
    assert statuses == {"postgresql": "up", "redis": "down", "broker": "degraded"}


def test_the_platform_is_down_if_every_service_is() -> None:
    assert summarize([service("a", "down"), service("b", "down")])["status"] == "down"


def test_a_token_that_cannot_be_checked_does_not_hide_that_the_database_is_unavailable(
    as_user: Callable[..., Any], redis_url: str
) -> None:
    headers = as_user(Role.ADMIN).headers
    unreachable = make_settings(
        "postgresql+psycopg2://nobody@127.0.0.1:1/none", redis_url, peer_url="http://127.0.0.1:1"
    )
    response = build_app(unreachable, SERVICES["core"]).test_client().get(PATH, headers=headers)
    assert (response.status_code, response.get_json()["data"]["status"]) == (200, "down")
