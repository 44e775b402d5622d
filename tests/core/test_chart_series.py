"""Series for charts: counted where things happen, read by administrators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from dramatiq import Broker
from flask.testing import FlaskClient
from sqlalchemy import update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import (
    CustomEvent,
    Event,
    NotificationBatch,
    NotificationFailed,
    NotificationQueued,
    NotificationSent,
    ScheduleCompleted,
)
from heidi_common.messaging.outbox import emit
from heidi_common.schemas.fields import iso
from heidi_services.notification.models import Notification
from tests.conftest import SignedIn
from tests.notification.conftest import Post, post  # noqa: F401  # a fixture
from tests.workers.conftest import broker  # noqa: F401  # a fixture
from workers.relay import relay_batch

PATH = "/api/v1/core/overview/series"
CHARTS = "/api/v1/core/overview/charts"
Read = Callable[..., dict[str, int]]


@pytest.fixture
def read(client: FlaskClient, as_user: Callable[..., SignedIn]) -> Read:
    """Read the sums of a metric by label, as `A:B`."""
    admin = as_user(Role.ADMIN)

    def sums(metric: str, **query: Any) -> dict[str, int]:
        response = client.get(PATH, query_string={"metric": metric} | query, headers=admin.headers)
        assert response.status_code == 200, response.json
        data = response.json["data"]
        assert all(len(series["values"]) == len(data["times"]) for series in data["series"])
        return {":".join(series["labels"].values()): sum(filter(None, series["values"])) for series in data["series"]}

    return sums


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {label: after[label] - before.get(label, 0) for label in after if after[label] != before.get(label, 0)}


def emitted(event: Event) -> None:
    with transaction():
        emit(event)


def test_relayed_events_are_counted_once(read: Read, broker: Broker) -> None:  # noqa: F811
    relay_batch(broker, lambda events: None)
    metrics = ("events", "messages", "runs")
    before = {metric: read(metric) for metric in metrics}
    common = {"about_user": uuid4(), "channel": "EMAIL", "category": "general"}
    emitted(NotificationQueued(id=uuid7(), **common))
    emitted(NotificationBatch(id=uuid7(), channel="SMS", accepted=250))
    emitted(NotificationSent(id=uuid7(), **common))
    emitted(NotificationFailed(id=uuid7(), reason="refused", **common))
    emitted(ScheduleCompleted(id=uuid7(), schedule_id=uuid7(), status="SUCCEEDED"))
    emitted(CustomEvent(id=uuid7(), name="custom.any", payload={}))
    assert {metric: read(metric) for metric in metrics} == before
    for _ in range(2):
        relay_batch(broker, lambda events: None)
    assert grown(before["messages"], read("messages")) == {
        "QUEUED:EMAIL": 1,
        "QUEUED:SMS": 250,
        "SENT:EMAIL": 1,
        "FAILED:EMAIL": 1,
    }
    assert grown(before["runs"], read("runs")) == {"SUCCEEDED": 1}
    assert grown(before["events"], read("events"))["custom.*"] == 1


def test_a_batch_that_cannot_be_published_is_not_counted(read: Read, broker: Broker) -> None:  # noqa: F811
    relay_batch(broker, lambda events: None)
    before = read("runs")
    emitted(ScheduleCompleted(id=uuid7(), schedule_id=uuid7(), status="FAILED"))

    def unavailable(_events: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        relay_batch(broker, unavailable)
    assert read("runs") == before
    relay_batch(broker, lambda events: None)
    assert grown(before, read("runs")) == {"FAILED": 1}


def test_delivery_times_are_percentiles(
    client: FlaskClient,
    as_user: Callable[..., SignedIn],
    broker: Broker,  # noqa: F811
    post: Post,  # noqa: F811
) -> None:
    person = as_user()
    sent = [post(person, channel="PUSH", content="Hello") for _ in range(3)]
    with transaction():
        earlier = {"created_at": utcnow() - timedelta(seconds=2)}
        db.session.execute(update(Notification).where(Notification.id.in_(sent)).values(earlier))
    for notification_id in sent:
        emitted(NotificationSent(id=notification_id, about_user=person.user.id, channel="PUSH"))
    relay_batch(broker, lambda events: None)
    response = client.get(f"{PATH}?metric=deliveryTime", headers=as_user(Role.ADMIN).headers).json["data"]
    [p95] = [s for s in response["series"] if s["labels"] == {"channel": "PUSH", "quantile": "p95"}]
    [latest] = [value for value in p95["values"] if value is not None][-1:]
    assert 1400 < latest < 2900


def test_sign_ins_are_counted(client: FlaskClient, as_user: Callable[..., SignedIn], read: Read) -> None:
    person = as_user()
    before = read("signIns")
    for password in ("wrong password", "wrong again 1"):
        body = {"email": person.user.email, "password": password}
        assert client.post("/api/v1/auth/login", json=body).status_code == 401
    assert grown(before, read("signIns")) == {"FAILED": 2}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"metric": "nothing"}, "metric"),
        ({}, "metric"),
        ({"metric": "events", "step": "90"}, "step"),
        ({"metric": "events", "step": "0"}, "step"),
        ({"metric": "events", "from": iso(utcnow() - timedelta(days=3)), "step": "60"}, "step"),
        ({"metric": "events", "from": iso(utcnow() - timedelta(days=600)), "step": "3600"}, "step"),
        ({"metric": "events", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"metric": "events", "from": "yesterday"}, "from"),
    ],
    ids=["unknown", "missing", "seconds", "zero", "old minutes", "too many", "reversed", "not a time"],
)
def test_an_impossible_period_is_rejected(
    client: FlaskClient, as_user: Callable[..., SignedIn], query: dict[str, str], pointer: str
) -> None:
    response = client.get(PATH, query_string=query, headers=as_user(Role.ADMIN).headers)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [f"/query/{pointer}"]


@pytest.mark.parametrize(("days", "step"), [(0.04, 60), (1, 900), (7, 21_600), (100, 86_400), (700, 86_400)])
def test_a_step_is_chosen_for_every_period(
    read: Read, client: FlaskClient, as_user: Callable[..., SignedIn], days: float, step: int
) -> None:
    query = {"metric": "events", "from": iso(utcnow() - timedelta(days=days))}
    data = client.get(PATH, query_string=query, headers=as_user(Role.ADMIN).headers).json["data"]
    assert data["step"] == step
    assert data["from"] <= query["from"]


def test_several_charts_share_their_period_and_have_what_each_has_alone(
    client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    admin, person = as_user(Role.ADMIN).headers, as_user()
    client.post("/api/v1/auth/login", json={"email": person.user.email, "password": "wrong password"})
    query = {"from": iso(utcnow() - timedelta(hours=2)), "to": iso(utcnow()), "step": "300"}
    charts = client.get(f"{CHARTS}?metrics=signIns,events,signIns", headers=admin)
    assert [chart["metric"] for chart in charts.json["data"]] == ["signIns", "events"]
    together = client.get(CHARTS, query_string=query | {"metrics": "signIns,deliveryTime"}, headers=admin).json["data"]
    alone = [
        client.get(PATH, query_string=query | {"metric": metric}, headers=admin).json["data"]
        for metric in ("signIns", "deliveryTime")
    ]
    assert together == alone
    assert together[0]["series"][0]["labels"] == {"outcome": "FAILED"}


@pytest.mark.parametrize("metrics", ["", "nothing", "events,", "events,nothing", "events, runs"])
def test_charts_of_unknown_metrics_are_rejected(
    client: FlaskClient, as_user: Callable[..., SignedIn], metrics: str
) -> None:
    response = client.get(CHARTS, query_string={"metrics": metrics}, headers=as_user(Role.ADMIN).headers)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/query/metrics"]
