"""A user whose data is in every table that can hold some: all of it is exported, and none is left after an erasure."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging import inbox
from heidi_common.messaging.events import NotificationSend
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_services.core.models import Operation
from heidi_services.files.service import cleanup
from heidi_services.files.storage import StorageError, storage
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Attempt, Notification, Suppression
from heidi_services.notification.service.delivery.delivery import deliver
from heidi_services.notification.service.recipients import suppressions
from heidi_services.scheduler.models import Monitor, Schedule, ScheduleRun
from heidi_services.scheduler.service.runs import executor, manual_runs
from workers import actors
from workers.subscriptions import SUBSCRIPTIONS, Consume

EMAIL, PHONE, TRACE = "zzyzx@example.test", "+4930999888777", "zzyzx"


def relay(kind: str) -> None:
    """Let every subscriber of the events of one type handle them, as the relay and the workers do."""
    db.session.rollback()
    events = list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == kind)))
    consumers = [item for item in SUBSCRIPTIONS if isinstance(item, Consume)]
    rows = [(event.id, item.actor) for item in consumers for event in item.select(events)]
    with transaction():
        db.session.add_all(inbox.Inbox(event_id=event_id, consumer=consumer) for event_id, consumer in rows)
    for event_id, consumer in rows:
        actors.load()[consumer].function(str(event_id))


def everywhere(needle: str) -> list[str]:
    """The tables that have a row with a text in any column."""
    db.session.rollback()
    condition = "position(lower(:needle) in lower(CAST(t AS text))) > 0"
    counts = {
        table.name: db.session.scalar(
            text(f"SELECT count(*) FROM {table.name} AS t WHERE {condition}"),
            {"needle": needle},
        )
        for table in db.metadata.sorted_tables
    }
    return [name for name, count in counts.items() if count]


def schedule_body(action: str, payload: dict, **changes: object) -> dict:
    times = {"name": "x", "cronExpression": "0 0 1 1 *", "timezone": "UTC"}
    return times | {"action": action, "payload": payload} | changes


def post(client, path: str, body: dict, headers: dict) -> dict:
    response = client.post(f"/api/v1/{path}", json=body, headers=headers)
    assert response.status_code in (201, 202), response.json
    return response.json["data"]


def fill(client, user, other: dict) -> None:
    """Store the user's data in every service."""
    own, user_id = user.headers, str(user.user.id)
    message = {"userId": user_id, "channel": "EMAIL", "subject": TRACE, "content": TRACE, "metadata": {"n": TRACE}}
    sent = UUID(post(client, "notifications", message, other)["id"])
    deliver(sent)
    with transaction():
        db.session.add(_attempt(sent))
        db.session.add(_operation(user.user.id))
    post(client, "notifications/devices", {"token": TRACE * 6, "label": TRACE}, own)
    hook = {"provider": "WEBHOOK", "name": TRACE, "webhookUrl": f"https://example.com/{TRACE}"}
    post(client, "integrations", hook, own)
    post(client, "notifications/bulk", {"channel": "IN_APP", "content": "x", "userIds": [user_id]}, own)
    post(client, "schedules", schedule_body("event.emit", {"type": "custom.a", "data": {"n": TRACE}}, name=TRACE), own)
    about = {"userId": user_id, "channel": "IN_APP", "content": TRACE}
    post(client, "schedules", schedule_body("notification.send", about), other)
    mention = {"type": "onboard-user", "input": {"email": EMAIL}}
    post(client, "schedules", schedule_body("core.operation", mention), other)
    emitting = {"type": "custom.b", "data": {}}
    post(client, "schedules", schedule_body("event.emit", emitting, onFailure={"userId": user_id}), other)
    _run_schedule(user.user.id)
    _upload(client, own)
    _ping(client, user_id, own, other)
    for channel, address in ((Channel.EMAIL, EMAIL), (Channel.SMS, PHONE)):
        suppressions.suppress_address(channel, address, "bounce")
    _request_that_fails(user.user.id)


def _upload(client, headers: dict) -> None:
    """A file with a link, and an upload that is not complete."""
    file = client.post(f"/api/v1/files?name={TRACE}.txt", data=TRACE, headers=headers).json["data"]
    assert client.post(f"/api/v1/files/{file['id']}/links", json={}, headers=headers).status_code == 201
    name = b64encode(TRACE.encode()).decode()
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": f"filename {name}"}
    assert client.post("/api/v1/files/uploads", headers=headers | tus).status_code == 201


def _ping(client, user_id: str, own: dict, other: dict) -> None:
    """A monitor with a ping, and another user's monitor that warns the user."""
    monitor = {"name": TRACE, "description": TRACE, "every": "PT1H"}
    url = post(client, "schedules/monitors", monitor, own)["pingUrl"]
    assert client.post("/" + url.split("/", 3)[3], data=TRACE, headers={"User-Agent": TRACE}).status_code == 200
    post(client, "schedules/monitors", {"name": "x", "every": "PT1H", "recipients": [{"userId": user_id}]}, other)


def _attempt(notification_id: UUID) -> Attempt:
    values = {"number": 2, "provider": "smtp", "outcome": "failed", "started_at": utcnow(), "duration_ms": 1}
    return Attempt(id=uuid7(), notification_id=notification_id, error=f"550 <{EMAIL}> unknown", **values)


def _operation(user_id: UUID) -> Operation:
    step = {"name": "create-user", "status": "FAILED", "error": TRACE, "compensation": {"error": TRACE}}
    ended = {"status": "FAILED", "finished_at": utcnow(), "error": TRACE, "requested_by": user_id}
    return Operation(id=uuid7(), type="onboard-user", input={}, steps=[step], **ended)


def _run_schedule(user_id: UUID) -> None:
    db.session.rollback()
    schedule_id = db.session.scalars(select(Schedule.id).where(Schedule.created_by == user_id)).one()
    run = manual_runs.run_now(schedule_id, requested_by=user_id)
    executor.execute_run(run.id)
    with transaction():
        db.session.execute(update(ScheduleRun).values(error=TRACE, result={"body": TRACE}))


def _request_that_fails(user_id: UUID) -> None:
    """A request whose handler has failed, and whose secret data waits for an operator."""
    event = NotificationSend(id=uuid7(), about_user=user_id, channel="EMAIL")
    event_id = emit(event, secret_data={"content": TRACE})
    with transaction():
        db.session.add(inbox.Inbox(event_id=event_id, consumer="x", status="dead", last_error=f"ValueError: {EMAIL}"))


def test_everything_about_a_user_is_exported_and_then_erased(client, as_user) -> None:
    other = as_user(Role.ADMIN).headers
    user = as_user(Role.ADMIN, email=EMAIL, phone=PHONE, first_name=TRACE, last_name=TRACE)
    user_id = user.user.id
    fill(client, user, other)
    parts = client.get("/api/v1/users/me/export", headers=user.headers).json["data"]["parts"]
    empty = {name for name, rows in parts.items() if not rows}
    assert empty == {"deliveryAttempts", "storedResponses", "syncs"}
    assert {row["address"] for row in parts["suppressions"]} == {EMAIL, PHONE}
    assert TRACE in str(parts["attempts"]) and TRACE in str(parts["runs"]) and TRACE in str(parts["operations"])
    assert len(parts["schedules"]) == 2 and parts["batches"][0]["accepted"] == 1
    assert parts["pings"][0]["body"] == TRACE and len(parts["monitors"]) == len(parts["monitorAlerts"]) == 1
    assert parts["failureNotifications"][0]["onFailure"] == {"user_id": str(user_id)}

    assert client.post(f"/api/v1/users/{user_id}/erase", json={}, headers=other).status_code == 202
    relay("user.deleted")
    assert everywhere(TRACE) == [] == everywhere(PHONE)
    keys = [key.hex for key in map(UUID, (row["id"] for row in parts["fileObjects"]))]
    assert len(keys) == 1 and b"".join(storage().read(keys[0])) == TRACE.encode()
    for object_id in cleanup.removable(100):
        cleanup.remove(object_id)
    with pytest.raises(StorageError):
        next(iter(storage().read(keys[0])))
    assert db.session.scalar(select(OutboxEvent.sealed).where(OutboxEvent.type == "user.deleted")) is None
    states = {row.name: (row.is_enabled, row.payload, row.on_failure) for row in db.session.scalars(select(Schedule))}
    warned = dict(db.session.execute(select(Monitor.name, Monitor.recipients)).all())
    assert warned == {"erased": [], "x": []}
    assert states == {"erased": (False, {}, None), "x": (True, {"type": "custom.b", "data": {}}, None)}


def test_a_suppression_of_an_erased_user_still_applies(client, as_user, as_client) -> None:
    admin = as_user(Role.ADMIN).headers
    suppressions.suppress_address(Channel.EMAIL, EMAIL, "complaint")
    erased = as_user(email=EMAIL)
    client.post(f"/api/v1/users/{erased.user.id}/erase", json={}, headers=admin)
    relay("user.deleted")
    assert EMAIL not in db.session.scalars(select(Suppression.address)).one()
    again = as_user(email=EMAIL)
    headers = as_client("notifications:write")
    message = {"userId": str(again.user.id), "channel": "EMAIL", "content": "x"}
    notification_id = UUID(post(client, "notifications", message, headers)["id"])
    deliver(notification_id)
    assert db.session.get_one(Notification, notification_id).failure_reason == "suppressed"
    exported = client.get("/api/v1/users/me/export", headers=again.headers).json["data"]["parts"]["suppressions"]
    assert len(exported) == 1

    listed = client.get("/api/v1/notifications/suppressions", query_string={"address": EMAIL}, headers=admin)
    (suppression,) = listed.json["data"]
    path = f"/api/v1/notifications/suppressions/{suppression['id']}"
    assert client.delete(path, headers=admin).status_code == 204
    assert not suppressions.is_suppressed(Channel.EMAIL, EMAIL)


def test_an_address_that_no_account_has_any_more_is_replaced_by_its_hmac(as_user) -> None:
    as_user(email=EMAIL, phone=PHONE)
    kept = {(Channel.EMAIL, EMAIL), (Channel.SMS, PHONE), (Channel.EMAIL, "new@example.test")}
    for channel, address in kept | {(Channel.EMAIL, "old@example.test"), (Channel.SMS, "+4930111")}:
        suppressions.suppress_address(channel, address, "bounce")
    with transaction():
        old = text("UPDATE notification_suppressions SET created_at = now() - interval '2 days' WHERE address <> :new")
        db.session.execute(old, {"new": "new@example.test"})
    suppressions.suppress_address(Channel.EMAIL, suppressions.stored_forms("old@example.test")[1], "bounce")
    assert suppressions.hash_unused_addresses() is False
    rows = {(Channel(row.channel), row.address) for row in db.session.scalars(select(Suppression))}
    assert {row for row in rows if not row[1].startswith("hmac:")} == kept
    assert len(rows) == 5 and suppressions.is_suppressed(Channel.SMS, "+4930111")


def test_users_see_nothing_of_others_in_their_export(client, as_user) -> None:
    other = as_user(Role.ADMIN).headers
    user = as_user(Role.ADMIN, email=EMAIL, phone=PHONE)
    fill(client, user, other)
    parts = client.get("/api/v1/users/me/export", headers=as_user().headers).json["data"]["parts"]
    assert [name for name, rows in parts.items() if rows] == ["sessions", "preferences"]
