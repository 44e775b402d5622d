"""Past events are replayed to one subscriber or one endpoint, by type and time."""

from __future__ import annotations

import signal
import subprocess  # nosec B404
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select, update
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import Audit
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, User
from heidi_common.messaging.events import CityCreated, Event, UserCreated, UserDeleted, UserUpdated
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.schemas.fields import iso
from heidi_services.core.models import EventReplay
from heidi_services.core.service import event_replays, replay_runner, replay_scan
from heidi_services.core.service.replay_target import SubscriberTarget
from heidi_services.integration.models import Delivery
from heidi_services.integration.service.deliveries import delivery_worker
from heidi_services.integration.service.deliveries.event_replay import EndpointTarget
from tests.core.test_events import publish
from workers.actors import load
from workers.replay_targets import target_of

PATH = "/api/v1/core/events/replays"
SUBSCRIBER = "renew_overview"
DAY = timedelta(days=1)


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


def user_created(**fields: Any) -> Event:
    return UserCreated(**({"id": uuid7(), "role": "USER", "is_active": True} | fields))


def past(*events: Event, ago: timedelta = DAY) -> list[UUID]:
    """Publish events, and set the time at which they were emitted: one second apart, in their order."""
    ids = [UUID(event_id) for event_id in publish(*events)]
    with transaction():
        for number, event_id in enumerate(ids):
            at = utcnow() - ago + timedelta(seconds=number)
            db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event_id).values(created_at=at))
    return ids


def many(number: int) -> list[UUID]:
    """Publish many events of one time, quickly."""
    with transaction():
        ids = [emit(user_created()) for _ in range(number)]
        values = {"position": func.nextval("outbox_position"), "sent_at": utcnow(), "created_at": utcnow() - DAY}
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id.in_(ids)).values(**values))
    return ids


def add_inbox_rows(event_ids: Iterable[UUID], status: str, consumer: str = SUBSCRIBER) -> None:
    with transaction():
        for event_id in event_ids:
            db.session.add(Inbox(event_id=event_id, consumer=consumer, status=status, attempts=3))


def body(**fields: Any) -> dict[str, Any]:
    return {"subscriber": SUBSCRIBER, "types": ["user.*"], "from": iso(utcnow() - 2 * DAY)} | fields


def request(client: FlaskClient, admin: Any, **fields: Any) -> UUID:
    payload = {name: value for name, value in body(**fields).items() if value is not None}
    response = client.post(PATH, json=payload, headers=admin.headers)
    assert response.status_code == 202, response.get_json()
    return UUID(response.get_json()["data"]["id"])


def step(replay_id: UUID) -> None:
    """Run the replay as a worker does when it is due."""
    with transaction():
        due = {"next_attempt_at": func.now(), "locked_until": None}
        db.session.execute(update(EventReplay).where(EventReplay.id == replay_id).values(**due))
    replay_runner.run(replay_id, target_of)
    db.session.expire_all()


def show(client: FlaskClient, admin: Any, replay_id: UUID) -> dict[str, Any]:
    replay: dict[str, Any] = client.get(f"{PATH}/{replay_id}", headers=admin.headers).get_json()["data"]
    return replay


def progress(client: FlaskClient, admin: Any, replay_id: UUID) -> tuple[Any, ...]:
    """Status, and the numbers of events: total, replayed, skipped, handled, failed, in flight."""
    replay = show(client, admin, replay_id)
    return tuple(replay[name] for name in ("status", "total", "replayed", "skipped", "handled", "failed", "inFlight"))


def pending(consumer: str = SUBSCRIBER) -> set[UUID]:
    db.session.expire_all()
    rows = select(Inbox.event_id).where(Inbox.consumer == consumer, Inbox.status == "pending")
    return set(db.session.scalars(rows))


def handle_all(consumer: str = SUBSCRIBER) -> None:
    """Let the subscriber handle its events."""
    for event_id in sorted(pending(consumer)):
        load()[consumer].function(str(event_id))


def test_a_subscriber_handles_past_events_again(client: FlaskClient, admin: Any) -> None:
    done, unseen, dead = past(user_created(), user_created(), user_created())
    add_inbox_rows([done], "done")
    add_inbox_rows([dead], "dead")
    replay_id = request(client, admin)
    assert progress(client, admin, replay_id) == ("PENDING", None, 0, 0, 0, 0, 0)
    step(replay_id)
    assert pending() == {done, unseen, dead}
    assert {row.attempts for row in db.session.scalars(select(Inbox))} == {0}
    assert all(row.is_bulk for row in db.session.scalars(select(Inbox))), "current events come first"
    assert progress(client, admin, replay_id) == ("PENDING", 3, 3, 0, 0, 0, 3)
    handle_all()
    step(replay_id)
    assert progress(client, admin, replay_id) == ("SUCCEEDED", 3, 3, 0, 3, 0, 0)
    assert show(client, admin, replay_id)["finishedAt"]


def test_only_events_of_the_types_and_the_time_are_replayed(client: FlaskClient, admin: Any) -> None:
    past(user_created(), ago=3 * DAY)
    past(CityCreated(id=uuid7(), country="DE"))
    created, deleted = past(user_created(), UserDeleted(id=uuid7(), role="USER", is_active=False))
    past(UserUpdated(id=uuid7(), role="USER", is_active=True, changed=("role",)))
    start, end = (db.session.get_one(OutboxEvent, event_id).created_at for event_id in (created, deleted))
    types = ["user.created", "user.deleted"]
    step(request(client, admin, types=types))
    assert pending() == {created, deleted}
    handle_all()
    for replay in db.session.scalars(select(EventReplay)):
        step(replay.id)
    exact = {"from": start.isoformat(), "to": end.isoformat()}
    step(request(client, admin, types=types, **exact))
    assert pending() == {created}, "`from` is inclusive, `to` is not"


def test_events_that_are_to_be_handled_anyway_are_left_out(client: FlaskClient, admin: Any) -> None:
    waiting, done = past(user_created(), user_created())
    add_inbox_rows([waiting], "pending")
    add_inbox_rows([done], "done")
    with transaction():
        emit(user_created())  # the relay will send it
    replay_id = request(client, admin)
    step(replay_id)
    assert progress(client, admin, replay_id) == ("PENDING", 2, 1, 1, 0, 0, 1)
    row = db.session.scalars(select(Inbox).where(Inbox.event_id == waiting)).one()
    assert row.attempts == 3 and not row.is_bulk


def test_a_subscriber_gets_only_events_that_interest_it(client: FlaskClient, admin: Any) -> None:
    _imported, registered = past(user_created(changed=("imported",)), user_created())
    replay_id = request(client, admin, subscriber="welcome_user", types=None)
    step(replay_id)
    assert pending("welcome_user") == {registered}
    assert progress(client, admin, replay_id)[:4] == ("PENDING", 2, 1, 1)


def test_a_failed_event_is_counted(client: FlaskClient, admin: Any) -> None:
    first, second = past(user_created(), user_created())
    replay_id = request(client, admin)
    step(replay_id)
    with transaction():
        for event_id, status in ((first, "dead"), (second, "done")):
            db.session.execute(update(Inbox).where(Inbox.event_id == event_id).values(status=status))
    step(replay_id)
    assert progress(client, admin, replay_id) == ("SUCCEEDED", 2, 2, 0, 1, 1, 0)


def test_few_events_are_in_flight_at_a_time(client: FlaskClient, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SubscriberTarget, "batch", 4)
    monkeypatch.setattr(replay_scan, "SCANNED", 3)
    ids = many(21)
    replay_id, seen = request(client, admin), []
    while progress(client, admin, replay_id)[0] == "PENDING":
        step(replay_id)
        assert len(pending()) <= 8
        seen += sorted(pending())
        handle_all()
    assert seen == sorted(ids), "each event once, in the order of the log"
    assert progress(client, admin, replay_id) == ("SUCCEEDED", 21, 21, 0, 21, 0, 0)


def test_a_cancelled_replay_takes_back_what_nobody_handles_yet(
    client: FlaskClient, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SubscriberTarget, "batch", 4)
    many(20)
    replay_id = request(client, admin)
    step(replay_id)
    started, *untouched = sorted(pending())
    with transaction():
        leased = {"locked_until": utcnow() + timedelta(seconds=60), "attempts": 1}
        db.session.execute(update(Inbox).where(Inbox.event_id == started).values(**leased))
    cancelled = client.post(f"{PATH}/{replay_id}/cancel", headers=admin.headers).get_json()["data"]
    assert (cancelled["status"], cancelled["cancelRequested"]) == ("PENDING", True)
    step(replay_id)
    assert pending() == {started} and len(untouched) == 7
    assert progress(client, admin, replay_id) == ("PENDING", 20, 1, 0, 0, 0, 1)
    with transaction():
        db.session.execute(update(Inbox).where(Inbox.event_id == started).values(status="done"))
    step(replay_id)
    assert progress(client, admin, replay_id) == ("CANCELLED", 20, 1, 0, 1, 0, 0)
    again = client.post(f"{PATH}/{replay_id}/cancel", headers=admin.headers)
    assert again.status_code == 409 and "CANCELLED" in again.get_json()["detail"]
    step(replay_id)
    assert pending() == set()


def test_a_replay_that_has_not_started_is_cancelled_immediately(client: FlaskClient, admin: Any) -> None:
    past(user_created())
    replay_id = request(client, admin)
    response = client.post(f"{PATH}/{replay_id}/cancel", headers=admin.headers)
    assert response.get_json()["data"]["status"] == "CANCELLED"
    step(replay_id)
    assert pending() == set()


@pytest.mark.parametrize("batch", [1, 2])
def test_a_killed_worker_loses_and_repeats_nothing(
    client: FlaskClient, admin: Any, settings: Settings, batch: int
) -> None:
    ids = many(500)
    replay_id = request(client, admin)
    arguments = [settings.database_url, settings.redis_url, str(replay_id), str(batch)]
    killed = subprocess.run([sys.executable, "-m", "tests.core.replay_process", *arguments], check=False)  # nosec B603
    assert killed.returncode == -signal.SIGKILL
    handed_over = (batch - 1) * SubscriberTarget.batch
    assert len(pending()) == progress(client, admin, replay_id)[2] == handed_over
    for _ in range(10):
        step(replay_id)
        handle_all()
    assert progress(client, admin, replay_id) == ("SUCCEEDED", 500, 500, 0, 500, 0, 0)
    assert set(db.session.scalars(select(Inbox.event_id).where(Inbox.status == "done"))) == set(ids)


def test_a_step_that_fails_is_repeated_and_then_given_up(
    client: FlaskClient, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    past(user_created())
    replay_id = request(client, admin)

    def fail(*_: Any) -> Any:
        raise ValueError("a fault")

    monkeypatch.setattr(SubscriberTarget, "hand_over", fail)
    for attempt in range(replay_runner.MAX_ATTEMPTS):
        assert progress(client, admin, replay_id)[0] == "PENDING", attempt
        step(replay_id)
    replay = show(client, admin, replay_id)
    assert (replay["status"], replay["error"]) == ("FAILED", "internal error (ValueError), after 8 attempts")


def test_a_replay_ends_when_its_requester_is_no_longer_an_administrator(client: FlaskClient, admin: Any) -> None:
    past(user_created())
    replay_id = request(client, admin)
    with transaction():
        db.session.execute(update(User).where(User.id == admin.user.id).values(role=Role.USER))
    step(replay_id)
    row = db.session.get_one(EventReplay, replay_id)
    assert row.status == "FAILED" and row.error is not None and "administrator" in row.error
    assert pending() == set()


def test_a_receiver_has_one_replay_at_a_time(client: FlaskClient, admin: Any) -> None:
    key = {"Idempotency-Key": "once"}
    first = client.post(PATH, json=(payload := body()), headers=admin.headers | key)
    repeated = client.post(PATH, json=payload, headers=admin.headers | key)
    assert first.get_json()["data"]["id"] == repeated.get_json()["data"]["id"]
    second = client.post(PATH, json=body(), headers=admin.headers)
    assert (second.status_code, second.get_json()["code"]) == (409, "replay_in_progress")
    request(client, admin, subscriber="follow_owner")
    actions = db.session.scalars(select(Audit.action).where(Audit.actor == str(admin.user.id)))
    assert list(actions).count("events_replayed") == 2


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"subscriber": "nobody"}, "/subscriber"),
        ({"subscriber": "accept_sync", "types": ["integration.sync"]}, "/subscriber"),
        ({"subscriber": "make_requested_notification", "types": ["*"]}, "/subscriber"),
        ({"integrationId": str(uuid7())}, "/subscriber"),
        ({"subscriber": None}, "/subscriber"),
        ({"subscriber": None, "integrationId": "00000000-0000-7000-8000-000000000000"}, "/integrationId"),
        ({"types": []}, "/types"),
        ({"types": ["User created"]}, "/types/0"),
        ({"types": ["city.*", "schedule.completed"]}, "/types"),
        ({"subscriber": "erase_files", "types": ["user.created"]}, "/types"),
        ({"from": "2999-01-01T00:00:00Z"}, "/from"),
        ({"from": "yesterday"}, "/from"),
        ({"to": "2020-01-01T00:00:00Z"}, "/to"),
        ({"from": None}, "/from"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_what_is_invalid_is_named(client: FlaskClient, admin: Any, fields: dict[str, Any], pointer: str) -> None:
    payload = {name: value for name, value in body(**fields).items() if value is not None}
    response = client.post(PATH, json=payload, headers=admin.headers)
    assert response.status_code == 422, response.get_json()
    assert response.get_json()["errors"][0]["pointer"] == pointer


def test_the_list_shows_replays_by_status(client: FlaskClient, admin: Any) -> None:
    first = request(client, admin)
    client.post(f"{PATH}/{first}/cancel", headers=admin.headers)
    second = request(client, admin)

    def ids(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"{PATH}{query}", headers=admin.headers).get_json()["data"]]

    assert ids("") == [str(second), str(first)]
    assert ids("?status=CANCELLED") == [str(first)]
    assert client.get(f"{PATH}?status=DONE", headers=admin.headers).status_code == 422
    assert client.get(f"{PATH}/{uuid7()}", headers=admin.headers).status_code == 404


def test_the_subscribers_are_listed_without_those_that_carry_out_requests(client: FlaskClient, admin: Any) -> None:
    subscribers = client.get("/api/v1/core/subscribers", headers=admin.headers).get_json()["data"]
    assert {"name": "renew_overview", "pattern": "user.*"} in subscribers
    assert not {each["name"] for each in subscribers} & {"accept_sync", "accept_operation"}


# Endpoints


def endpoint(client: FlaskClient, owner: Any, url: str, *patterns: str) -> UUID:
    fields = {"provider": "WEBHOOK", "name": "hook", "webhookUrl": url, "config": {"eventTypes": list(patterns)}}
    response = client.post("/api/v1/integrations", json=fields, headers=owner.headers)
    assert response.status_code == 201, response.get_json()
    return UUID(response.get_json()["data"]["id"])


def to_endpoint(client: FlaskClient, admin: Any, integration_id: UUID, **fields: Any) -> UUID:
    return request(client, admin, **{"subscriber": None, "types": None} | fields, integrationId=str(integration_id))


def deliveries(integration_id: UUID) -> dict[UUID, str]:
    db.session.expire_all()
    rows = select(Delivery).where(Delivery.integration_id == integration_id)
    return {row.event_id: str(row.status) for row in db.session.scalars(rows)}


def deliver_all(integration_id: UUID) -> None:
    is_due = (Delivery.integration_id == integration_id) & (Delivery.status == "PENDING")
    for delivery_id in db.session.scalars(select(Delivery.id).where(is_due)).all():
        delivery_worker.deliver(delivery_id)


def test_an_endpoint_gets_past_events_whether_it_had_them_or_not(
    client: FlaskClient, admin: Any, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", 200)
    before, deleted = past(user_created(), UserDeleted(id=uuid7(), role="USER", is_active=False))
    past(CityCreated(id=uuid7(), country="DE"))
    hook = endpoint(client, admin, httpserver.url_for("/hook"), "user.*")
    other = endpoint(client, admin, httpserver.url_for("/other"), "*")
    first = to_endpoint(client, admin, hook, types=["user.created"])
    step(first)
    assert deliveries(hook) == {before: "PENDING"} and deliveries(other) == {}
    deliver_all(hook)
    step(first)
    assert progress(client, admin, first) == ("SUCCEEDED", 1, 1, 0, 1, 0, 0)
    second = to_endpoint(client, admin, hook)
    step(second)
    deliver_all(hook)
    step(second)
    assert deliveries(hook) == {before: "DELIVERED", deleted: "DELIVERED"}
    assert progress(client, admin, second) == ("SUCCEEDED", 2, 2, 0, 2, 0, 0)
    ids = [call.headers["webhook-id"] for call, _ in httpserver.log]
    assert sorted(ids) == sorted([str(before), str(before), str(deleted)]), "receivers recognize repetitions"


def test_a_users_endpoint_gets_only_events_about_the_user(
    client: FlaskClient, admin: Any, as_user: Callable[..., Any]
) -> None:
    owner = as_user()
    own, _others = past(user_created(id=owner.user.id), user_created())
    hook = endpoint(client, owner, "https://receiver.example/hook", "*")
    replay_id = to_endpoint(client, admin, hook, types=["user.created"])
    step(replay_id)
    assert set(deliveries(hook)) == {own}
    assert progress(client, admin, replay_id)[2:4] == (1, show(client, admin, replay_id)["total"] - 1)


def test_an_endpoint_that_fails_gets_no_more_until_it_responds(
    client: FlaskClient, admin: Any, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EndpointTarget, "batch", 1)
    past(*(user_created() for _ in range(4)))
    hook = endpoint(client, admin, httpserver.url_for("/hook"), "user.*")
    replay_id = to_endpoint(client, admin, hook, types=["user.created"])
    step(replay_id)
    httpserver.expect_request("/hook").respond_with_data("", 500)
    deliver_all(hook)
    for _ in range(3):
        step(replay_id)
        deliver_all(hook)
    status, total, replayed, _skipped, handled, failed, _in_flight = progress(client, admin, replay_id)
    assert (status, handled) == ("PENDING", 0) and 0 < failed <= replayed < total
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("", 200)
    with transaction():
        db.session.execute(update(Delivery).values(next_attempt_at=func.now()))
    for _ in range(6):
        deliver_all(hook)
        step(replay_id)
    assert progress(client, admin, replay_id)[:2] == ("SUCCEEDED", 4)
    assert list(deliveries(hook).values()) == ["DELIVERED"] * 4


def test_what_was_delivered_before_a_cancelled_replay_is_still_delivered(
    client: FlaskClient, admin: Any, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", 200)
    (known,) = past(user_created())
    hook = endpoint(client, admin, httpserver.url_for("/hook"), "user.*")
    first = to_endpoint(client, admin, hook, types=["user.created"])
    step(first)
    deliver_all(hook)
    step(first)
    (unknown,) = past(user_created(), ago=DAY / 2)
    second = to_endpoint(client, admin, hook, types=["user.created"])
    step(second)
    assert {known, unknown} <= {event_id for event_id, status in deliveries(hook).items() if status == "PENDING"}
    client.post(f"{PATH}/{second}/cancel", headers=admin.headers)
    step(second)
    assert (deliveries(hook)[known], deliveries(hook)[unknown]) == ("DELIVERED", "FAILED")
    assert progress(client, admin, second)[0] == "CANCELLED"


@pytest.mark.parametrize("change", ["off", "deleted"])
def test_a_replay_fails_when_its_endpoint_is_switched_off(client: FlaskClient, admin: Any, change: str) -> None:
    past(user_created())
    hook = endpoint(client, admin, "https://receiver.example/hook", "user.*")
    replay_id = to_endpoint(client, admin, hook)
    step(replay_id)
    path = f"/api/v1/integrations/{hook}"
    if change == "off":
        client.patch(path, json={"isActive": False}, headers=admin.headers)
    else:
        client.delete(path, headers=admin.headers)
    step(replay_id)
    replay = show(client, admin, replay_id)
    assert replay["status"] == "FAILED" and "integration" in replay["error"]
    assert "PENDING" not in deliveries(hook).values()


def test_an_endpoint_must_be_subscribed_and_active(client: FlaskClient, admin: Any) -> None:
    hook = endpoint(client, admin, "https://receiver.example/hook", "user.*", "city.created")
    payload = {"integrationId": str(hook), "from": iso(utcnow() - DAY)}
    wrong = client.post(PATH, json=payload | {"types": ["schedule.*"]}, headers=admin.headers)
    assert (wrong.status_code, wrong.get_json()["errors"][0]["pointer"]) == (422, "/types")
    client.patch(f"/api/v1/integrations/{hook}", json={"isActive": False}, headers=admin.headers)
    off = client.post(PATH, json=payload, headers=admin.headers)
    assert (off.status_code, off.get_json()["code"]) == (409, "integration_inactive")


# Commands


def test_the_command_line_replays_shows_and_cancels(app: Flask, client: FlaskClient, admin: Any) -> None:
    run = app.test_cli_runner().invoke
    past(user_created())
    day_before = (utcnow() - 2 * DAY).strftime("%Y-%m-%dT%H:%M")
    arguments = ["events", "replay", "--subscriber", SUBSCRIBER, "--type", "user.*", "--from", day_before, "--no-wait"]
    created = run(args=arguments)
    assert created.exit_code == 0, created.output
    replay_id = created.output.split()[1]
    assert f"subscriber {SUBSCRIBER}" in run(args=["events", "replays", "list"]).output
    step(UUID(replay_id))
    assert "1 of 1 events" in run(args=["events", "replays", "show", replay_id]).output
    assert run(args=["events", "replays", "cancel", replay_id]).exit_code == 0
    step(UUID(replay_id))
    again = run(args=["events", "replays", "cancel", replay_id])
    assert again.exit_code == 1 and "CANCELLED" in again.output
    both = run(args=[*arguments, "--integration", str(uuid7())])
    assert both.exit_code == 2 and "either" in both.output
    unknown = run(args=["events", "replay", "--subscriber", "x", "--from", day_before])
    assert unknown.exit_code == 1 and "/subscriber" in unknown.output and "renew_overview" in unknown.output


def test_the_command_line_reports_the_end(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    past(user_created())

    def work(_seconds: float) -> None:
        """A worker, while the command waits."""
        for replay in db.session.scalars(select(EventReplay)).all():
            step(replay.id)
            handle_all()

    monkeypatch.setattr("heidi_services.core.cli.replays.time.sleep", work)
    run = app.test_cli_runner().invoke
    arguments = ["events", "replay", "--from", (utcnow() - 2 * DAY).strftime("%Y-%m-%d")]
    done = run(args=[*arguments, "--subscriber", SUBSCRIBER])
    assert done.exit_code == 0 and done.output.splitlines()[-1].startswith("SUCCEEDED  1 of 1 events: 1 handled")
    failed = run(args=[*arguments, "--integration", str(uuid7())])
    assert failed.exit_code == 1 and "does not exist" in failed.output


def test_only_due_replays_are_announced(client: FlaskClient, admin: Any) -> None:
    replay_id = request(client, admin)
    assert event_replays.overdue(10) == [replay_id]
    assert event_replays.overdue(10) == [], "its message is under way"
