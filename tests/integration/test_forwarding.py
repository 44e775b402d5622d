"""Which facts become deliveries, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import CityCreated, CityUpdated, NotificationFailed, UserCreated, UserDeleted
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service import forwarding, owner_sync
from tests.integration.helpers import API, deliver, forward, make, say, some_id, user_updated

URL = "https://receiver.example/hook"


def wanting(client: FlaskClient, owner: Any, *patterns: str, **fields: Any) -> dict[str, Any]:
    return make(client, owner.headers, webhookUrl=URL, config={"eventTypes": list(patterns)}, **fields)


def targets() -> list[str]:
    return sorted(str(found) for found in db.session.scalars(select(Delivery.integration_id)))


def test_a_users_integration_hears_only_what_is_about_that_user(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me, other = as_user(), as_user()
    mine = wanting(client, me, "*")
    forward(user_updated(other.user.id))
    forward(CityCreated(id=some_id(), country="CH"))
    assert targets() == []
    forward(user_updated(me.user.id))
    assert targets() == [mine["id"]]


def test_an_admins_integration_hears_everything_that_its_patterns_name(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    admin = as_user(Role.ADMIN)
    wanting(client, admin, "user.*", "notification.failed")
    assert forward(user_updated(some_id()))
    assert forward(NotificationFailed(id=some_id(), about_user=some_id(), channel="EMAIL"))
    assert not forward(CityCreated(id=some_id(), country="CH"))


@pytest.mark.parametrize(
    "change", [{"isActive": False}, {"webhookUrl": None}, {"config": None}, {"config": {"eventTypes": []}}]
)
def test_what_is_off_or_asks_for_nothing_hears_nothing(
    client: FlaskClient, as_user: Callable[..., Any], change: dict[str, Any]
) -> None:
    me = as_user()
    mine = wanting(client, me, "*")
    client.patch(f"{API}/{mine['id']}", json=change, headers=me.headers)
    assert not forward(user_updated(me.user.id))


def test_the_relay_learns_in_one_look_which_facts_nobody_wants(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    wanting(client, me, "user.updated")
    batch = [
        say(user_updated(me.user.id)),
        say(user_updated(some_id())),
        say(UserCreated(id=me.user.id, role="USER", is_active=True)),
        say(CityCreated(id=some_id(), country="CH")),
    ]
    assert forwarding.filter_forwardable(batch) == {batch[0].id}
    assert forwarding.filter_forwardable([]) == set()


def test_a_fact_that_is_digested_twice_is_forwarded_once(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    wanting(client, me, "*")
    event = say(user_updated(me.user.id))
    with transaction():
        assert len(forwarding.forward_event(event)) == 1
        assert forwarding.forward_event(event) == []
    assert len(targets()) == 1


def test_the_body_is_type_timestamp_and_data_with_the_person_it_is_about(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    import json

    me = as_user()
    wanting(client, me, "*")
    fact = user_updated(me.user.id)
    forward(fact)
    row = db.session.scalars(select(Delivery)).one()
    event = db.session.get_one(OutboxEvent, row.event_id)
    body = json.loads(row.body)
    assert body.keys() == {"type", "timestamp", "data"}
    assert body["type"] == "user.updated"
    assert body["timestamp"].endswith("Z")
    assert body["data"] == {**event.data, "userId": str(me.user.id)}


def follow(fact: Any) -> None:
    """As after the relay: the fact has its place in the log."""
    event = say(fact)
    with transaction():
        last = db.session.scalar(select(func.max(OutboxEvent.position))) or 0
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event.id).values(position=last + 1))
    db.session.refresh(event)
    with transaction():
        owner_sync.update_owner(event)


def test_an_admin_who_becomes_a_user_hears_no_longer_of_others(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    admin = as_user(Role.ADMIN)
    wanting(client, admin, "*")
    assert forward(user_updated(some_id()))
    follow(user_updated(admin.user.id, role="USER"))
    assert not forward(user_updated(some_id()))
    follow(user_updated(admin.user.id, role="ADMIN"))
    assert forward(user_updated(some_id()))


def test_what_was_queued_for_an_admin_is_not_sent_to_a_user(
    client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    admin = as_user(Role.ADMIN)
    make(client, admin.headers, webhookUrl=httpserver.url_for("/hook"), config={"eventTypes": ["*"]})
    [of_others], [of_nobody], [own] = (
        forward(user_updated(some_id())),
        forward(CityUpdated(id=some_id(), country="CH")),
        forward(user_updated(admin.user.id)),
    )
    follow(user_updated(admin.user.id, role="USER"))
    for delivery_id in (of_others, of_nobody):
        row = deliver(delivery_id)
        assert (row.status, row.attempts) == ("FAILED", 0)
        assert row.last_error == "the integration's owner may no longer receive this event"
    assert deliver(own).status == "DELIVERED"
    assert len(httpserver.log) == 1


def test_an_older_fact_that_arrives_late_gives_no_rights_back(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    admin = as_user(Role.ADMIN)
    wanting(client, admin, "*")
    late = say(user_updated(admin.user.id, role="ADMIN"))
    with transaction():
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == late.id).values(position=1))
    follow(user_updated(admin.user.id, role="USER"))
    db.session.refresh(late)
    with transaction():
        owner_sync.update_owner(late)
    assert not forward(user_updated(some_id()))


def test_a_deleted_owner_closes_the_receiver_and_the_forwards(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    mine = wanting(client, me, "*")
    follow(UserDeleted(id=me.user.id, role="USER", is_active=False))
    assert not forward(user_updated(me.user.id))
    answer = client.post(f"/api/v1/webhooks/webhook/{mine['id']}", data=b"{}")
    assert answer.status_code == 404


def test_an_erased_owner_leaves_nothing_here(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me, other = as_user(), as_user()
    wanting(client, me, "*")
    kept = wanting(client, other, "*")
    forward(user_updated(me.user.id))
    follow(UserDeleted(id=me.user.id, role="USER", is_active=False, changed=("erasedAt",)))
    db.session.expire_all()
    assert [str(row) for row in db.session.scalars(select(Integration.id))] == [kept["id"]]
    assert targets() == []


def test_only_facts_about_owners_reach_the_follower(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    wanting(client, me, "*")
    batch = [say(user_updated(me.user.id)), say(user_updated(some_id())), say(user_updated(me.user.id))]
    assert owner_sync.filter_owner_events(batch) == {batch[0].id, batch[2].id}


def test_what_was_missed_while_it_was_off_is_recovered_from_the_log(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me, path = as_user(), API
    mine = wanting(client, me, "user.*")
    forward(user_updated(me.user.id))
    client.patch(f"{path}/{mine['id']}", json={"isActive": False}, headers=me.headers)
    for fact in (user_updated(me.user.id), user_updated(some_id()), CityCreated(id=some_id(), country="CH")):
        assert not forward(fact)
    since = {"since": (utcnow() - timedelta(hours=1)).isoformat()}
    assert client.post(f"{path}/{mine['id']}/recover", json=since, headers=me.headers).status_code == 409
    client.patch(f"{path}/{mine['id']}", json={"isActive": True}, headers=me.headers)
    for wanted in (1, 0):
        answer = client.post(f"{path}/{mine['id']}/recover", json=since, headers=me.headers)
        assert (answer.status_code, answer.json["data"]) == (202, {"recovered": wanted})
    assert len(targets()) == 2


def test_nothing_from_before_the_integration_was_made_is_recovered(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    say(user_updated(me.user.id))
    mine = wanting(client, me, "*")
    body = {"since": "2020-01-01T00:00:00Z"}
    answer = client.post(f"{API}/{mine['id']}/recover", json=body, headers=me.headers)
    assert answer.json["data"] == {"recovered": 0}
    assert client.post(f"{API}/{mine['id']}/recover", json={}, headers=me.headers).status_code == 422
    assert db.session.get_one(Integration, mine["id"]).is_active
