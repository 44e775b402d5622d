from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import CityCreated, Event, UserCreated, UserDeleted
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import POSITION_SEQUENCE, OutboxEvent, emit

PATH = "/api/v1/core/events"


def publish(*events: Event, sealed: dict[str, Any] | None = None) -> list[str]:
    """Emit events and give them their positions, as the relay does."""
    ids = []
    for event in events:
        with transaction():
            event_id = emit(event, secret_data=sealed)
            values = {"position": POSITION_SEQUENCE.next_value(), "sent_at": utcnow()}
            db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event_id).values(**values))
            ids.append(str(event_id))
    return ids


def user_created(user_id: UUID | None = None) -> Event:
    return UserCreated(id=user_id or uuid7(), role="USER", is_active=True)


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> dict[str, str]:
    headers: dict[str, str] = as_user(Role.ADMIN).headers
    return headers


def test_the_log_lists_events_newest_first_in_the_order_of_commits(client: FlaskClient, admin: dict[str, str]) -> None:
    subject = uuid7()
    ids = publish(user_created(subject), CityCreated(id=uuid7(), country="DE"), user_created())
    events = client.get(PATH, headers=admin).get_json()["data"]
    assert [event["id"] for event in events] == ids[::-1]
    assert events[2] == events[2] | {
        "type": "user.created",
        "subject": str(subject),
        "userId": str(subject),
        "data": {"id": str(subject), "role": "USER", "isActive": True},
    }
    oldest = client.get(f"{PATH}?sort=position", headers=admin).get_json()["data"]
    assert [event["id"] for event in oldest] == ids


def test_the_encrypted_data_of_an_event_is_not_shown(client: FlaskClient, admin: dict[str, str]) -> None:
    publish(user_created(), sealed={"token": "hunter2"})
    response = client.get(PATH, headers=admin)
    assert "sealed" not in response.get_json()["data"][0]
    assert b"hunter2" not in response.data


def test_an_event_without_a_position_is_not_in_the_log_yet(client: FlaskClient, admin: dict[str, str]) -> None:
    with transaction():
        emit(user_created())
    assert client.get(PATH, headers=admin).get_json()["data"] == []


def test_events_are_filtered_by_type_pattern_subject_and_time(client: FlaskClient, admin: dict[str, str]) -> None:
    subject = uuid7()
    deletion = UserDeleted(id=subject, role="USER", is_active=False)
    first, city, last = publish(user_created(subject), CityCreated(id=uuid7(), country="DE"), deletion)
    with transaction():
        old = utcnow() - timedelta(hours=2)
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == UUID(first)).values(created_at=old))

    def ids(query: str) -> list[str]:
        return [event["id"] for event in client.get(f"{PATH}?{query}", headers=admin).get_json()["data"]]

    assert ids("type=user.*") == [last, first]
    assert ids("type=city.created") == [city]
    assert ids("type=*") == [last, city, first]
    assert ids("type=use") == []
    assert ids(f"subject={subject}") == [last, first]
    hour_ago = (utcnow() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert ids(f"since={hour_ago}&type=user.*") == [last]


def test_pages_follow_each_other_without_gap_or_repeat(client: FlaskClient, admin: dict[str, str]) -> None:
    ids = publish(*(user_created() for _ in range(5)))
    seen, query = [], "limit=2"
    while True:
        response = client.get(f"{PATH}?{query}", headers=admin).get_json()
        seen += [event["id"] for event in response["data"]]
        publish(user_created())  # an event in between does not shift the pages
        if not response["meta"]["hasMore"]:
            break
        query = f"limit=2&cursor={response['meta']['nextCursor']}"
    assert seen == ids[::-1]


@pytest.mark.parametrize("query", ["type=user*", "type=%25", "since=yesterday", "since=2026-01-01T00:00:00", "x=1"])
def test_an_invalid_filter_is_named(client: FlaskClient, admin: dict[str, str], query: str) -> None:
    response = client.get(f"{PATH}?{query}", headers=admin)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == f"/query/{query.partition('=')[0]}"


def add_dead_rows(event_id: str, *consumers: str) -> None:
    with transaction():
        for consumer in consumers:
            values = {"status": "dead", "attempts": 10, "last_error": "ValueError: no"}
            db.session.add(Inbox(event_id=UUID(event_id), consumer=consumer, **values))


def inbox(event_id: str) -> dict[str, str]:
    db.session.expire_all()
    rows = db.session.scalars(select(Inbox).where(Inbox.event_id == UUID(event_id)))
    return {row.consumer: row.status for row in rows}


def test_dead_letters_are_listed_with_the_subscribers_and_their_errors(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    _handled, dead = publish(user_created(), user_created())
    add_dead_rows(dead, "welcome_user", "forward_fact")
    page = client.get(f"{PATH}/dead?total=true", headers=admin).get_json()
    assert page["meta"]["total"] == 1
    assert page["data"][0]["id"] == page["data"][0]["event"]["id"] == dead
    assert [failure["consumer"] for failure in page["data"][0]["failures"]] == ["forward_fact", "welcome_user"]
    assert page["data"][0]["failures"][0]["lastError"] == "ValueError: no"


def test_a_replayed_dead_letter_is_due_again_with_all_attempts(client: FlaskClient, admin: dict[str, str]) -> None:
    (dead,) = publish(user_created())
    add_dead_rows(dead, "welcome_user", "forward_fact")
    response = client.post(f"{PATH}/dead/{dead}/replay?consumer=welcome_user", headers=admin)
    assert (response.status_code, response.get_json()["data"]) == (202, {"subscribers": 1})
    assert inbox(dead) == {"welcome_user": "pending", "forward_fact": "dead"}
    row = db.session.scalars(select(Inbox).where(Inbox.consumer == "welcome_user")).one()
    assert row.attempts == 0 and row.next_attempt_at <= utcnow() and row.locked_until is None
    assert client.post(f"{PATH}/dead/{dead}/replay", headers=admin).get_json()["data"] == {"subscribers": 1}
    assert client.post(f"{PATH}/dead/{dead}/replay", headers=admin).status_code == 404


def test_a_discarded_dead_letter_is_no_longer_listed(client: FlaskClient, admin: dict[str, str]) -> None:
    (dead,) = publish(user_created())
    add_dead_rows(dead, "welcome_user")
    assert client.post(f"{PATH}/dead/{dead}/discard", headers=admin).status_code == 200
    assert inbox(dead) == {"welcome_user": "discarded"}
    assert client.get(f"{PATH}/dead", headers=admin).get_json()["data"] == []


def test_only_administrators_read_the_log(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    headers = as_user(Role.MODERATOR).headers
    for path in (PATH, f"{PATH}/dead", f"{PATH}/stream"):
        assert client.get(path, headers=headers).status_code == 403


def test_the_command_line_lists_shows_replays_and_discards(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    first, second = publish(user_created(), user_created())
    add_dead_rows(first, "welcome_user")
    add_dead_rows(second, "welcome_user")
    assert [line.split()[0] for line in run(args=["events", "list", "--type", "user.*"]).output.splitlines()] == [
        second,
        first,
    ]
    assert run(args=["events", "dead", "list"]).output.count("welcome_user  10 attempts") == 2
    assert "ValueError: no" in run(args=["events", "dead", "show", first]).output
    assert "1 scheduled for replay" in run(args=["events", "dead", "replay", first]).output
    assert "1 discarded" in run(args=["events", "dead", "discard", second]).output
    assert (inbox(first), inbox(second)) == ({"welcome_user": "pending"}, {"welcome_user": "discarded"})
    again = run(args=["events", "dead", "show", first])
    assert again.exit_code == 1 and "No dead letter found" in again.output
