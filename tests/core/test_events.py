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


def place(*facts: Event, sealed: dict[str, Any] | None = None) -> list[str]:
    """Say facts and give them their places, as the relay does."""
    ids = []
    for fact in facts:
        with transaction():
            event_id = emit(fact, secret_data=sealed)
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


def test_the_log_lists_facts_newest_first_in_the_order_of_commits(
    core_client: FlaskClient, admin: dict[str, str]
) -> None:
    subject = uuid7()
    ids = place(user_created(subject), CityCreated(id=uuid7(), country="DE"), user_created())
    found = core_client.get(PATH, headers=admin).get_json()["data"]
    assert [event["id"] for event in found] == ids[::-1]
    assert found[2] == found[2] | {
        "type": "user.created",
        "subject": str(subject),
        "userId": str(subject),
        "data": {"id": str(subject), "role": "USER", "isActive": True},
    }
    oldest = core_client.get(f"{PATH}?sort=position", headers=admin).get_json()["data"]
    assert [event["id"] for event in oldest] == ids


def test_what_is_sealed_beside_a_fact_is_not_shown(core_client: FlaskClient, admin: dict[str, str]) -> None:
    place(user_created(), sealed={"token": "hunter2"})
    answer = core_client.get(PATH, headers=admin)
    assert "sealed" not in answer.get_json()["data"][0]
    assert b"hunter2" not in answer.data


def test_a_fact_without_a_place_is_not_in_the_log_yet(core_client: FlaskClient, admin: dict[str, str]) -> None:
    with transaction():
        emit(user_created())
    assert core_client.get(PATH, headers=admin).get_json()["data"] == []


def test_facts_are_found_by_type_pattern_subject_and_time(core_client: FlaskClient, admin: dict[str, str]) -> None:
    subject = uuid7()
    gone = UserDeleted(id=subject, role="USER", is_active=False)
    first, city, last = place(user_created(subject), CityCreated(id=uuid7(), country="DE"), gone)
    with transaction():
        old = utcnow() - timedelta(hours=2)
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == UUID(first)).values(created_at=old))

    def ids(query: str) -> list[str]:
        return [event["id"] for event in core_client.get(f"{PATH}?{query}", headers=admin).get_json()["data"]]

    assert ids("type=user.*") == [last, first]
    assert ids("type=city.created") == [city]
    assert ids("type=*") == [last, city, first]
    assert ids("type=use") == []
    assert ids(f"subject={subject}") == [last, first]
    hour_ago = (utcnow() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert ids(f"since={hour_ago}&type=user.*") == [last]


def test_pages_follow_each_other_without_gap_or_repeat(core_client: FlaskClient, admin: dict[str, str]) -> None:
    ids = place(*(user_created() for _ in range(5)))
    seen, query = [], "limit=2"
    while True:
        answer = core_client.get(f"{PATH}?{query}", headers=admin).get_json()
        seen += [event["id"] for event in answer["data"]]
        place(user_created())  # what comes meanwhile does not shift the pages
        if not answer["meta"]["hasMore"]:
            break
        query = f"limit=2&cursor={answer['meta']['nextCursor']}"
    assert seen == ids[::-1]


@pytest.mark.parametrize("query", ["type=user*", "type=%25", "since=yesterday", "since=2026-01-01T00:00:00", "x=1"])
def test_a_filter_that_makes_no_sense_is_named(core_client: FlaskClient, admin: dict[str, str], query: str) -> None:
    answer = core_client.get(f"{PATH}?{query}", headers=admin)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == f"/query/{query.partition('=')[0]}"


def die(event_id: str, *consumers: str) -> None:
    with transaction():
        for consumer in consumers:
            dead = {"status": "dead", "attempts": 10, "last_error": "ValueError: no"}
            db.session.add(Inbox(event_id=UUID(event_id), consumer=consumer, **dead))


def inbox(event_id: str) -> dict[str, str]:
    db.session.expire_all()
    rows = db.session.scalars(select(Inbox).where(Inbox.event_id == UUID(event_id)))
    return {row.consumer: row.status for row in rows}


def test_dead_facts_are_listed_with_who_gave_up_and_why(core_client: FlaskClient, admin: dict[str, str]) -> None:
    _fine, dead = place(user_created(), user_created())
    die(dead, "welcome_user", "forward_fact")
    found = core_client.get(f"{PATH}/dead?total=true", headers=admin).get_json()
    assert found["meta"]["total"] == 1
    assert found["data"][0]["id"] == found["data"][0]["event"]["id"] == dead
    assert [failure["consumer"] for failure in found["data"][0]["failures"]] == ["forward_fact", "welcome_user"]
    assert found["data"][0]["failures"][0]["lastError"] == "ValueError: no"


def test_a_replayed_fact_is_due_again_with_all_attempts(core_client: FlaskClient, admin: dict[str, str]) -> None:
    (dead,) = place(user_created())
    die(dead, "welcome_user", "forward_fact")
    answer = core_client.post(f"{PATH}/dead/{dead}/replay?consumer=welcome_user", headers=admin)
    assert (answer.status_code, answer.get_json()["data"]) == (202, {"subscribers": 1})
    assert inbox(dead) == {"welcome_user": "pending", "forward_fact": "dead"}
    row = db.session.scalars(select(Inbox).where(Inbox.consumer == "welcome_user")).one()
    assert row.attempts == 0 and row.next_attempt_at <= utcnow() and row.locked_until is None
    assert core_client.post(f"{PATH}/dead/{dead}/replay", headers=admin).get_json()["data"] == {"subscribers": 1}
    assert core_client.post(f"{PATH}/dead/{dead}/replay", headers=admin).status_code == 404


def test_a_discarded_fact_is_settled(core_client: FlaskClient, admin: dict[str, str]) -> None:
    (dead,) = place(user_created())
    die(dead, "welcome_user")
    assert core_client.post(f"{PATH}/dead/{dead}/discard", headers=admin).status_code == 200
    assert inbox(dead) == {"welcome_user": "discarded"}
    assert core_client.get(f"{PATH}/dead", headers=admin).get_json()["data"] == []


def test_only_administrators_read_the_log(core_client: FlaskClient, as_user: Callable[..., Any]) -> None:
    headers = as_user(Role.MODERATOR).headers
    for path in (PATH, f"{PATH}/dead", f"{PATH}/stream"):
        assert core_client.get(path, headers=headers).status_code == 403


def test_the_command_line_lists_shows_replays_and_discards(core: Flask) -> None:
    run = core.test_cli_runner().invoke
    one, two = place(user_created(), user_created())
    die(one, "welcome_user")
    die(two, "welcome_user")
    assert [line.split()[0] for line in run(args=["events", "list", "--type", "user.*"]).output.splitlines()] == [
        two,
        one,
    ]
    assert run(args=["events", "dead", "list"]).output.count("welcome_user  10 attempts") == 2
    assert "ValueError: no" in run(args=["events", "dead", "show", one]).output
    assert "1 to try again" in run(args=["events", "dead", "replay", one]).output
    assert "1 discarded" in run(args=["events", "dead", "discard", two]).output
    assert (inbox(one), inbox(two)) == ({"welcome_user": "pending"}, {"welcome_user": "discarded"})
    again = run(args=["events", "dead", "show", one])
    assert again.exit_code == 1 and "No subscriber has given up" in again.output
