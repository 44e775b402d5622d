from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common import app
from heidi_common.identity.models import Role
from heidi_services import SERVICES
from heidi_services.core.service.status import Memo, look, summarise
from tests.conftest import make_settings

UP = {"status": "up", "latencyMs": 1.0}
DOWN = {"status": "down", "error": "OperationalError"}
PEERS = [name for name in SERVICES if name != "core"]


def all_ready(httpserver: HTTPServer, *, but: str | None = None) -> None:
    for name in PEERS:
        if name != but:
            body = {"status": "ready", "dependencies": {"postgresql": UP, "redis": UP, "broker": UP}}
            httpserver.expect_request(f"/{name}/readyz").respond_with_json(body)


def test_everybody_sees_which_services_are_up(core_client: FlaskClient, httpserver: HTTPServer) -> None:
    all_ready(httpserver)
    answer = core_client.get("/api/v1/core/status")
    found = answer.get_json()["data"]
    assert (answer.status_code, found["status"]) == (200, "up")
    assert found["services"] == [{"name": name, "status": "up"} for name in SERVICES]
    assert {part["name"] for part in found["dependencies"]} == {"postgresql", "redis", "broker"}


def test_a_service_without_an_answer_is_down_and_the_whole_degraded(
    core_client: FlaskClient, httpserver: HTTPServer
) -> None:
    all_ready(httpserver, but="city")
    found = core_client.get("/api/v1/core/status").get_json()["data"]
    assert found["status"] == "degraded"
    assert [part["name"] for part in found["services"] if part["status"] == "down"] == ["city"]


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


def test_many_questions_cost_one_look_as_long_as_it_is_fresh(
    core: Flask, core_client: FlaskClient, httpserver: HTTPServer
) -> None:
    core.extensions["core_status"] = Memo(look, fresh=600)
    all_ready(httpserver)
    for _ in range(10):
        core_client.get("/api/v1/core/status")
    assert len(httpserver.log) == len(PEERS)


def test_a_memo_looks_again_when_its_second_is_over() -> None:
    looks = iter([{"n": 1}, {"n": 2}])
    memo = Memo(lambda: next(looks), fresh=0.0)
    assert (memo.get(), memo.get()) == ({"n": 1}, {"n": 2})


def service(name: str, status: str, **dependencies: Any) -> dict[str, Any]:
    return {"name": name, "status": status, "dependencies": dependencies}


def test_a_dependency_is_down_when_nobody_reaches_it_and_degraded_when_some_do() -> None:
    services = [
        service("a", "up", postgresql=UP, redis=DOWN, broker=UP),
        service("b", "degraded", postgresql=UP, redis=DOWN, broker=DOWN),
    ]
    words = {part["name"]: part["status"] for part in summarise(services)["dependencies"]}
    assert words == {"postgresql": "up", "redis": "down", "broker": "degraded"}


def test_the_whole_is_down_when_every_service_is() -> None:
    assert summarise([service("a", "down"), service("b", "down")])["status"] == "down"


def test_a_token_that_nobody_can_look_up_does_not_hide_that_the_database_is_away(
    as_user: Callable[..., Any], redis_url: str
) -> None:
    headers = as_user(Role.ADMIN).headers
    away = make_settings("postgresql+psycopg2://nobody@127.0.0.1:1/none", redis_url, peer_url="http://127.0.0.1:1")
    answer = app.build_app(away, SERVICES["core"]).test_client().get("/api/v1/core/status", headers=headers)
    assert (answer.status_code, answer.get_json()["data"]["status"]) == (200, "down")
