from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common import app
from heidi_common.identity.models import Role
from heidi_services import SERVICES
from heidi_services.core.service.status import StatusCache, check_services, summarize
from tests.conftest import make_settings

UP = {"status": "up", "latencyMs": 1.0}
DOWN = {"status": "down", "error": "OperationalError"}
PEERS = [name for name in SERVICES if name != "core"]


def all_ready(httpserver: HTTPServer, *, except_for: str | None = None) -> None:
    for name in PEERS:
        if name != except_for:
            body = {"status": "ready", "dependencies": {"postgresql": UP, "redis": UP, "broker": UP}}
            httpserver.expect_request(f"/{name}/readyz").respond_with_json(body)


def test_the_status_is_public(core_client: FlaskClient, httpserver: HTTPServer) -> None:
    all_ready(httpserver)
    response = core_client.get("/api/v1/core/status")
    status = response.get_json()["data"]
    assert (response.status_code, status["status"]) == (200, "up")
    assert status["services"] == [{"name": name, "status": "up"} for name in SERVICES]
    assert {part["name"] for part in status["dependencies"]} == {"postgresql", "redis", "broker"}


def test_a_service_that_does_not_respond_is_down_and_the_platform_degraded(
    core_client: FlaskClient, httpserver: HTTPServer
) -> None:
    all_ready(httpserver, except_for="city")
    status = core_client.get("/api/v1/core/status").get_json()["data"]
    assert status["status"] == "degraded"
    assert [part["name"] for part in status["services"] if part["status"] == "down"] == ["city"]


def test_only_an_administrator_sees_the_details(
    core_client: FlaskClient, httpserver: HTTPServer, as_user: Callable[..., Any]
) -> None:
    all_ready(httpserver)
    admin = core_client.get("/api/v1/core/status", headers=as_user(Role.ADMIN).headers).get_json()["data"]
    users = next(part for part in admin["services"] if part["name"] == "users")
    assert users["latencyMs"] > 0 and users["dependencies"]["redis"]["status"] == "up"
    for headers in ({}, as_user().headers, {"Authorization": "Bearer nonsense"}):
        shown = core_client.get("/api/v1/core/status", headers=headers).get_json()["data"]
        assert set(shown["services"][0]) == {"name", "status"}


def test_many_requests_share_one_check_while_it_is_cached(
    core: Flask, core_client: FlaskClient, httpserver: HTTPServer
) -> None:
    core.extensions["core_status"] = StatusCache(check_services, max_age=600)
    all_ready(httpserver)
    for _ in range(10):
        core_client.get("/api/v1/core/status")
    assert len(httpserver.log) == len(PEERS)


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
    response = app.build_app(unreachable, SERVICES["core"]).test_client().get("/api/v1/core/status", headers=headers)
    assert (response.status_code, response.get_json()["data"]["status"]) == (200, "down")
