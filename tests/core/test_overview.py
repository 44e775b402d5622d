from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import NotificationFailed, NotificationSent
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import emit
from heidi_services.core.service import overview
from tests.core.conftest import Respond

PATH = "/api/v1/core/overview"


def all_count(respond: Respond, *, except_for: str | None = None) -> None:
    numbers = iter(range(10, 100))
    for counts in overview.COUNTS.values():
        for peer, path, filters in counts.values():
            if peer != except_for:
                query = filters | {"limit": "1", "total": "true"}
                respond(peer, path, [], meta={"total": next(numbers)}, query=query)


def test_counts_come_from_the_services_and_rates_from_the_events(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    all_count(respond)
    admin = as_user(Role.ADMIN)
    with transaction():
        for event in (NotificationSent, NotificationSent, NotificationSent, NotificationFailed):
            emit(event(id=uuid7(), about_user=admin.user.id, channel="EMAIL"))
        db.session.add(Inbox(event_id=uuid7(), consumer="c", status="dead", created_at=utcnow()))
    response = core_client.get(PATH, headers=admin.headers)
    data, meta = response.get_json()["data"], response.get_json()["meta"]
    assert data["users"] == {"total": 10, "active": 11}
    assert data["notifications"] == {"queuedLastDay": 0, "sentLastDay": 3, "failedLastDay": 1, "sentShare": 0.75}
    assert data["events"]["lastHour"] == data["events"]["waiting"] == 4
    assert data["events"]["lastHourByType"] == {"notification.sent": 3, "notification.failed": 1}
    assert data["events"]["dead"] == 1
    assert meta == {"unavailable": []}


def test_counts_that_are_estimates_are_named(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    for name, counts in overview.COUNTS.items():
        for peer, path, filters in counts.values():
            meta = {"total": 12_000, "totalIsEstimate": name == "users"}
            respond(peer, path, [], meta=meta, query=filters | {"limit": "1", "total": "true"})
    headers = as_user(Role.ADMIN).headers
    responses = [core_client.get(PATH, headers=headers) for _ in range(2)]
    assert [response.headers["X-Cache"] for response in responses] == ["MISS", "HIT"]
    for response in responses:
        assert response.get_json()["meta"] == {"unavailable": [], "estimates": ["users.active", "users.total"]}


def test_it_is_cached_for_some_seconds_and_invalidated_when_users_change(
    core: Flask,
    core_client: FlaskClient,
    httpserver: HTTPServer,
    respond: Respond,
    as_user: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "CACHE_SECONDS", 600)
    all_count(respond)
    headers = as_user(Role.ADMIN).headers
    first = core_client.get(PATH, headers=headers)
    calls = len(httpserver.log)
    second = core_client.get(PATH, headers=headers)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.get_json() == second.get_json()
    assert len(httpserver.log) == calls
    with core.app_context():
        overview.invalidate()
    assert core_client.get(PATH, headers=headers).headers["X-Cache"] == "MISS"


def test_a_service_that_is_down_costs_its_section_and_is_named_and_nothing_is_cached(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    all_count(respond, except_for="users")
    headers = as_user(Role.ADMIN).headers
    for _ in range(2):
        response = core_client.get(PATH, headers=headers)
        assert response.get_json()["data"]["users"] is None
        assert response.get_json()["data"]["cities"] is not None
        assert response.get_json()["meta"] == {"unavailable": ["users"]}
        assert response.headers["X-Cache"] == "MISS"


def test_peers_are_called_with_the_callers_token(
    core_client: FlaskClient, httpserver: HTTPServer, respond: Respond, as_user: Callable[..., Any]
) -> None:
    all_count(respond)
    headers = as_user(Role.ADMIN).headers
    core_client.get(PATH, headers=headers | {"X-Request-ID": "request-4711"})
    assert {sent.headers["Authorization"] for sent, _ in httpserver.log} == {headers["Authorization"]}
    assert {sent.headers["X-Request-ID"] for sent, _ in httpserver.log} == {"request-4711"}
    assert {sent.headers["X-Forwarded-For"] for sent, _ in httpserver.log} == {"127.0.0.1"}


def test_only_administrators_see_it(core_client: FlaskClient, as_user: Callable[..., Any]) -> None:
    assert core_client.get(PATH, headers=as_user(Role.MODERATOR).headers).status_code == 403
    assert core_client.get(PATH).status_code == 401
