"""What each channel sends, and that nothing is lost between two connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import CityCreated, CustomEvent
from heidi_realtime import outbox
from heidi_services.core.service import event_tail
from heidi_services.notification.service.delivery.delivery import deliver
from tests.conftest import SignedIn
from tests.core.test_events import publish, user_created
from tests.core.test_stream import notify
from tests.realtime.conftest import Running, Socket, Start

AsUser = Callable[..., SignedIn]
Connect = Callable[..., Socket]
MANY = 100
"""More events than are read at once in this test."""


def send(client: FlaskClient, sender: SignedIn, receiver: SignedIn, content: str = "Hello") -> str:
    """Send an in-app message, and deliver it."""
    body = {"userId": str(receiver.user.id), "channel": "IN_APP", "content": content}
    response = client.post("/api/v1/notifications", json=body, headers=sender.headers)
    assert response.status_code == 202, response.get_json()
    identity: str = response.get_json()["data"]["id"]
    deliver(UUID(identity))
    return identity


def publish_users(count: int = 1) -> list[str]:
    ids = publish(*(user_created() for _ in range(count)))
    notify()
    return ids


@pytest.fixture
def admin(as_user: AsUser) -> SignedIn:
    return as_user(Role.ADMIN)


def test_in_app_messages_arrive(
    client: FlaskClient, realtime: Running, connect_to: Connect, as_user: AsUser, admin: SignedIn
) -> None:
    user = as_user()
    socket, other = connect_to(realtime, user), connect_to(realtime, as_user())
    socket.subscribe("inbox")
    other.subscribe("inbox")
    identity = send(client, admin, user, "Grüße\n\u2028")
    message = socket.receive()
    shown = client.get(f"/api/v1/notifications/{identity}", headers=user.headers).get_json()["data"]
    assert (message["op"], message["channel"], message["event"]) == ("event", "inbox", "notification")
    assert message["data"] == shown
    assert other.ask(op="ping", ref="7") == {"op": "pong", "ref": "7"}


def test_missed_in_app_messages_are_replayed_in_order_and_once(
    client: FlaskClient, realtime: Running, connect_to: Connect, as_user: AsUser, admin: SignedIn
) -> None:
    user = as_user()
    first = connect_to(realtime, user)
    first.subscribe("inbox")
    received = [send(client, admin, user)]
    last = first.receive()["id"]
    first.close()
    missed = [send(client, admin, user, str(number)) for number in range(5)]
    second = connect_to(realtime, user)
    second.subscribe("inbox", lastEventId=last)
    missed.append(send(client, admin, user, "late"))
    messages = [second.receive() for _ in missed]
    assert [message["data"]["id"] for message in messages] == missed
    ids = [message["id"] for message in messages]
    assert ids == sorted({*ids}) and ids[0] > last and received


def test_the_id_of_subscribed_can_be_resumed_from(
    client: FlaskClient, realtime: Running, connect_to: Connect, as_user: AsUser, admin: SignedIn
) -> None:
    user = as_user()
    send(client, admin, user)
    first = connect_to(realtime, user)
    start = first.subscribe("inbox")["id"]
    first.close()
    missed = send(client, admin, user)
    second = connect_to(realtime, user)
    second.subscribe("inbox", lastEventId=start)
    assert second.receive()["data"]["id"] == missed


def test_an_id_in_the_future_resets_the_inbox(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    socket = connect_to(realtime, as_user())
    socket.subscribe("inbox", lastEventId=10**17)
    message = socket.receive()
    assert (message["event"], message["data"]["reason"], message["id"]) == ("reset", "future", 0)


def test_events_match_the_pattern(realtime: Running, connect_to: Connect, admin: SignedIn) -> None:
    socket = connect_to(realtime, admin)
    socket.subscribe("events:city.*")
    everything = connect_to(realtime, admin)
    everything.subscribe("events:*")
    publish_users()
    (city,) = publish(CityCreated(id=uuid4(), country="DE"))
    notify()
    assert socket.receive()["data"]["id"] == city
    assert [everything.receive()["event"] for _ in range(2)] == ["user.created", "city.created"]


def test_a_long_gap_of_events_is_replayed_while_new_ones_arrive(
    realtime: Running, connect_to: Connect, admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "_PAGE", 7)
    monkeypatch.setattr(outbox, "MAX_MESSAGES", 5)
    first = publish_users(MANY)
    start = db.session.execute(text("SELECT min(position) - 1 FROM outbox")).scalar_one()
    socket = connect_to(realtime, admin)
    socket.subscribe("events:user.*", lastEventId=start)
    messages = [socket.receive() for _ in range(20)]
    second = publish_users(20)
    messages += [socket.receive() for _ in range(MANY)]
    assert [message["data"]["id"] for message in messages] == first + second


def test_deleted_events_are_reported(start_realtime: Start, connect_to: Connect, admin: SignedIn) -> None:
    missing, realtime = 3, start_realtime()
    ids = publish_users(5)
    first = db.session.execute(text("SELECT min(position) FROM outbox")).scalar_one()
    with transaction():
        db.session.execute(text("DELETE FROM outbox WHERE position < :end"), {"end": first + missing})
    socket = connect_to(realtime, admin)
    socket.subscribe("events:*", lastEventId=first - 1)
    assert socket.receive()["data"] == {"reason": "expired", "requested": first - 1, "position": first - 1}
    assert [socket.receive()["data"]["id"] for _ in ids[missing:]] == ids[missing:]


def test_the_state_of_a_schedule_is_sent_at_once_and_after_each_change(
    client: FlaskClient, realtime: Running, connect_to: Connect, admin: SignedIn
) -> None:
    body = {"name": "nightly", "cronExpression": "0 3 * * *", "action": "event.emit", "payload": {"type": "custom.x"}}
    created = client.post("/api/v1/schedules", json=body, headers=admin.headers)
    assert created.status_code == 201, created.get_json()
    url = f"/api/v1/schedules/{created.get_json()['data']['id']}"
    channel = f"schedule:{created.get_json()['data']['id']}"
    socket = connect_to(realtime, admin)
    socket.subscribe(channel)
    first = socket.receive()
    assert first["data"] == client.get(url, headers=admin.headers).get_json()["data"]
    changed = client.patch(url, json={"name": "daily"}, headers=admin.headers)
    assert changed.status_code == 200, changed.get_json()
    second = socket.receive()
    assert (second["event"], second["data"]["name"]) == ("schedule", "daily")
    assert second["id"] > first["id"]
    assert client.delete(url, headers=admin.headers).status_code == 204
    ended = socket.receive()
    assert (ended["op"], ended["channel"], ended["problem"]["status"]) == ("closed", channel, 404)


def test_the_progress_of_a_batch_is_sent(
    client: FlaskClient, realtime: Running, connect_to: Connect, admin: SignedIn
) -> None:
    message = {"channel": "IN_APP", "content": "Hello"}
    created = client.post(
        "/api/v1/notifications/bulk", json=message | {"filter": {"role": "ADMIN"}}, headers=admin.headers
    )
    assert created.status_code == 202, created.get_json()
    batch = created.get_json()["data"]["batchId"]
    socket = connect_to(realtime, admin)
    socket.subscribe(f"batch:{batch}")
    assert socket.receive()["data"]["accepted"] == 1
    (identity,) = db.session.execute(text("SELECT id FROM notifications")).scalars()
    db.session.rollback()
    deliver(identity)
    assert socket.receive()["data"]["counts"]["SENT"] == 1


def test_the_state_of_an_operation_is_sent(
    client: FlaskClient, realtime: Running, connect_to: Connect, admin: SignedIn
) -> None:
    body = {
        "type": "broadcast",
        "input": {"message": {"channel": "IN_APP", "content": "x"}, "filter": {"role": "USER"}},
    }
    created = client.post("/api/v1/core/operations", json=body, headers=admin.headers)
    assert created.status_code == 202, created.get_json()
    identity = created.get_json()["data"]["id"]
    socket = connect_to(realtime, admin)
    socket.subscribe(f"operation:{identity}")
    assert socket.receive()["data"]["id"] == identity
    with transaction():
        db.session.execute(text("UPDATE operations SET error = 'changed', version = version + 1"))
    assert socket.receive()["data"]["error"] == "changed"


def test_the_status_has_details_for_an_administrator_only(
    realtime: Running, connect_to: Connect, as_user: AsUser, admin: SignedIn
) -> None:
    shown = {}
    for name, user in (("admin", admin), ("user", as_user())):
        socket = connect_to(realtime, user)
        socket.subscribe("status")
        shown[name] = socket.receive()["data"]
    assert {service["status"] for service in shown["user"]["services"]} == {"up"}
    assert "latencyMs" in shown["admin"]["services"][0]
    assert "latencyMs" not in shown["user"]["services"][0]


def test_channels_have_the_permissions_of_rest(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    socket = connect_to(realtime, as_user())
    for name in ("events:*", f"operation:{uuid4()}", f"batch:{uuid4()}"):
        response = socket.ask(op="subscribe", channel=name, ref="r")
        assert (response["op"], response["ref"], response["channel"]) == ("error", "r", name)
        assert response["problem"]["status"] in (403, 404)
        assert response["problem"]["requestId"]


def test_a_machine_client_has_no_inbox(
    realtime: Running, connect_to: Connect, as_client: Callable[..., dict[str, str]]
) -> None:
    headers = as_client("notifications:read")
    socket = connect_to(realtime)
    token = headers["Authorization"].removeprefix("Bearer ")
    assert socket.ask(op="authenticate", token=token)["op"] == "authenticated"
    assert socket.ask(op="subscribe", channel="inbox")["problem"]["status"] == 403


NAMES = (
    "",
    "inbox ",
    "inbox:1",
    "events",
    "batch:",
    "batch:x",
    "operation:{0}",
    "schedule:../x",
    "Ünbekannt",
    "\\",
    "a" * 200,
)


def test_unknown_channels_are_rejected(realtime: Running, connect_to: Connect, admin: SignedIn) -> None:
    socket = connect_to(realtime, admin)
    for name in NAMES:
        problem = socket.ask(op="subscribe", channel=name)["problem"]
        assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/channel"), name


PATTERNS = ("events:", "events:USER.*", "events:user.*.x", "events:*.*", "events:a b", "events:\n", "events:é")


def test_invalid_patterns_are_rejected(realtime: Running, connect_to: Connect, admin: SignedIn) -> None:
    socket = connect_to(realtime, admin)
    for name in PATTERNS:
        assert socket.ask(op="subscribe", channel=name)["problem"]["status"] == 422, name


def test_a_channel_can_be_left(
    client: FlaskClient, realtime: Running, connect_to: Connect, as_user: AsUser, admin: SignedIn
) -> None:
    user = as_user()
    socket = connect_to(realtime, user)
    socket.subscribe("inbox")
    assert socket.ask(op="subscribe", channel="inbox")["problem"]["status"] == 409
    assert socket.ask(op="unsubscribe", channel="inbox")["op"] == "unsubscribed"
    send(client, admin, user)
    assert socket.ask(op="unsubscribe", channel="inbox")["problem"]["status"] == 404


def test_a_large_message_is_shortened(realtime: Running, connect_to: Connect, admin: SignedIn) -> None:
    socket = connect_to(realtime, admin)
    socket.subscribe("events:custom.*")
    large = CustomEvent(id=uuid4(), name="custom.large", payload={"text": "x" * 70_000})
    small = CustomEvent(id=uuid4(), name="custom.small", payload={"text": "x"})
    ids = publish(large, small)
    notify()
    messages: list[dict[str, Any]] = [socket.receive(), socket.receive()]
    assert [message["data"]["id"] for message in messages] == ids
    assert messages[0]["truncated"] and messages[0]["data"].keys() == {"id"}
    assert messages[1]["data"]["data"] == {"id": str(small.id), "name": "custom.small", "payload": {"text": "x"}}
