"""Which events become deliveries, and for which integrations."""

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
from heidi_services.integration.service import owner_sync
from heidi_services.integration.service.deliveries import forwarding
from tests.integration.helpers import API, create_integration, deliver, forward, publish, some_id, user_updated

URL = "https://receiver.example/hook"


def subscribe(client: FlaskClient, owner: Any, *patterns: str, **fields: Any) -> dict[str, Any]:
    return create_integration(client, owner.headers, webhookUrl=URL, config={"eventTypes": list(patterns)}, **fields)


def targets() -> list[str]:
    return sorted(str(integration_id) for integration_id in db.session.scalars(select(Delivery.integration_id)))


def test_a_users_integration_receives_only_the_events_about_that_user(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me, other = as_user(), as_user()
    integration = subscribe(client, me, "*")
    forward(user_updated(other.user.id))
    forward(CityCreated(id=some_id(), country="CH"))
    assert targets() == []
    forward(user_updated(me.user.id))
    assert targets() == [integration["id"]]


def test_an_admins_integration_receives_all_events_that_match_its_patterns(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    admin = as_user(Role.ADMIN)
    subscribe(client, admin, "user.*", "notification.failed")
    assert forward(user_updated(some_id()))
    assert forward(NotificationFailed(id=some_id(), about_user=some_id(), channel="EMAIL"))
    assert not forward(CityCreated(id=some_id(), country="CH"))


@pytest.mark.parametrize(
    "change", [{"isActive": False}, {"webhookUrl": None}, {"config": None}, {"config": {"eventTypes": []}}]
)
def test_an_integration_that_is_inactive_or_without_patterns_receives_nothing(
    client: FlaskClient, as_user: Callable[..., Any], change: dict[str, Any]
) -> None:
    me = as_user()
    integration = subscribe(client, me, "*")
    client.patch(f"{API}/{integration['id']}", json=change, headers=me.headers)
    assert not forward(user_updated(me.user.id))


def test_a_batch_is_filtered_for_events_with_a_subscribed_integration(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    subscribe(client, me, "user.updated")
    batch = [
        publish(user_updated(me.user.id)),
        publish(user_updated(some_id())),
        publish(UserCreated(id=me.user.id, role="USER", is_active=True)),
        publish(CityCreated(id=some_id(), country="CH")),
    ]
    assert forwarding.filter_forwardable(batch) == {batch[0].id}
    assert forwarding.filter_forwardable([]) == set()


def test_an_event_that_is_handled_twice_is_forwarded_once(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    subscribe(client, me, "*")
    event = publish(user_updated(me.user.id))
    with transaction():
        assert len(forwarding.forward_event(event)) == 1
        assert forwarding.forward_event(event) == []
    assert len(targets()) == 1


def test_the_body_is_type_timestamp_and_data_with_the_user_it_is_about(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    import json

    me = as_user()
    subscribe(client, me, "*")
    forward(user_updated(me.user.id))
    row = db.session.scalars(select(Delivery)).one()
    event = db.session.get_one(OutboxEvent, row.event_id)
    body = json.loads(row.body)
    assert body.keys() == {"type", "timestamp", "data"}
    assert body["type"] == "user.updated"
    assert body["timestamp"].endswith("Z")
    assert body["data"] == {**event.data, "userId": str(me.user.id)}


def update_owner(user_event: Any) -> None:
    """Publish an event with a position in the log, as the relay does, and apply it to the owner's integrations."""
    event = publish(user_event)
    with transaction():
        last = db.session.scalar(select(func.max(OutboxEvent.position))) or 0
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event.id).values(position=last + 1))
    db.session.refresh(event)
    with transaction():
        owner_sync.update_owner(event)


def test_an_admin_who_becomes_a_user_receives_no_events_about_others(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    admin = as_user(Role.ADMIN)
    subscribe(client, admin, "*")
    assert forward(user_updated(some_id()))
    update_owner(user_updated(admin.user.id, role="USER"))
    assert not forward(user_updated(some_id()))
    update_owner(user_updated(admin.user.id, role="ADMIN"))
    assert forward(user_updated(some_id()))


def test_deliveries_pending_for_an_admin_are_not_sent_to_a_user(
    client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    admin = as_user(Role.ADMIN)
    create_integration(client, admin.headers, webhookUrl=httpserver.url_for("/hook"), config={"eventTypes": ["*"]})
    [about_other], [about_city], [about_owner] = (
        forward(user_updated(some_id())),
        forward(CityUpdated(id=some_id(), country="CH")),
        forward(user_updated(admin.user.id)),
    )
    update_owner(user_updated(admin.user.id, role="USER"))
    for delivery_id in (about_other, about_city):
        row = deliver(delivery_id)
        assert (row.status, row.attempts) == ("FAILED", 0)
        assert row.last_error == "the integration's owner may no longer receive this event"
    assert deliver(about_owner).status == "DELIVERED"
    assert len(httpserver.log) == 1


def test_an_older_event_that_arrives_late_is_ignored(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    admin = as_user(Role.ADMIN)
    subscribe(client, admin, "*")
    late = publish(user_updated(admin.user.id, role="ADMIN"))
    with transaction():
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == late.id).values(position=1))
    update_owner(user_updated(admin.user.id, role="USER"))
    db.session.refresh(late)
    with transaction():
        owner_sync.update_owner(late)
    assert not forward(user_updated(some_id()))


def test_deleting_the_owner_closes_the_receiver_and_stops_forwarding(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    integration = subscribe(client, me, "*")
    update_owner(UserDeleted(id=me.user.id, role="USER", is_active=False))
    assert not forward(user_updated(me.user.id))
    response = client.post(f"/api/v1/webhooks/webhook/{integration['id']}", data=b"{}")
    assert response.status_code == 404


def test_erasing_the_owner_deletes_the_integrations(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me, other = as_user(), as_user()
    subscribe(client, me, "*")
    remaining = subscribe(client, other, "*")
    forward(user_updated(me.user.id))
    update_owner(UserDeleted(id=me.user.id, role="USER", is_active=False, changed=("erasedAt",)))
    db.session.expire_all()
    assert [str(row) for row in db.session.scalars(select(Integration.id))] == [remaining["id"]]
    assert targets() == []


def test_only_events_about_owners_are_applied(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    subscribe(client, me, "*")
    batch = [publish(user_updated(me.user.id)), publish(user_updated(some_id())), publish(user_updated(me.user.id))]
    assert owner_sync.filter_owner_events(batch) == {batch[0].id, batch[2].id}


def test_events_missed_while_inactive_are_recovered_from_the_log(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me, path = as_user(), API
    integration = subscribe(client, me, "user.*")
    forward(user_updated(me.user.id))
    client.patch(f"{path}/{integration['id']}", json={"isActive": False}, headers=me.headers)
    for event in (user_updated(me.user.id), user_updated(some_id()), CityCreated(id=some_id(), country="CH")):
        assert not forward(event)
    since = {"since": (utcnow() - timedelta(hours=1)).isoformat()}
    assert client.post(f"{path}/{integration['id']}/recover", json=since, headers=me.headers).status_code == 409
    client.patch(f"{path}/{integration['id']}", json={"isActive": True}, headers=me.headers)
    for recovered in (1, 0):
        response = client.post(f"{path}/{integration['id']}/recover", json=since, headers=me.headers)
        assert (response.status_code, response.json["data"]) == (202, {"recovered": recovered})
    assert len(targets()) == 2


def test_events_from_before_the_creation_are_not_recovered(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    publish(user_updated(me.user.id))
    integration = subscribe(client, me, "*")
    body = {"since": "2020-01-01T00:00:00Z"}
    response = client.post(f"{API}/{integration['id']}/recover", json=body, headers=me.headers)
    assert response.json["data"] == {"recovered": 0}
    assert client.post(f"{API}/{integration['id']}/recover", json={}, headers=me.headers).status_code == 422
    assert db.session.get_one(Integration, integration["id"]).is_active
