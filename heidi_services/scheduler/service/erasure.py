"""Erase what scheduler stores about a user who was erased (`users/service/erasure.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.monitors import erasure as monitor_erasure

ERASED_NAME = "erased"
_UNSYNCED = {"synchronize_session": False}


def erase_user_data(event: OutboxEvent) -> None:
    """Handle `user.deleted`: if the user was erased, erase their schedules and remove them from the others.

    A schedule of the user, or one whose payload is about the user, keeps its times and its ID. Without a payload it
    cannot run, so it is disabled. Another schedule that only notifies the user of failures continues without that.
    """
    if "erasedAt" not in (event.data.get("changed") or ()):
        return
    user_id = UUID(event.subject)
    addresses = [address for address in event.decrypt_secret_data().values() if address]
    with transaction():
        condition = or_(Schedule.created_by == user_id, payload_concerns(user_id), _payload_contains(addresses))
        erased = db.session.scalars(select(Schedule.id).where(condition).order_by(Schedule.id).with_for_update()).all()
        _erase_schedules(erased)
        _erase_runs(erased)
        stop = update(Schedule).where(is_notified(user_id)).values(_changes(on_failure=None))
        db.session.execute(stop.execution_options(**_UNSYNCED))
        _remove_recipient(user_id)
        monitor_erasure.erase_monitors(user_id)


def payload_concerns(user_id: UUID) -> ColumnElement[bool]:
    """The condition that the action of a schedule concerns one user, whose ID its payload names."""
    names = (Schedule.payload["userId"].astext, Schedule.payload["input"]["userId"].astext)
    return or_(*(func.coalesce(name, "") == str(user_id) for name in names))


def is_notified(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a user is notified of failed runs."""
    recipient: ColumnElement[bool] = Schedule.on_failure["user_id"].astext == str(user_id)
    return recipient


def is_recipient(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a user is one of the further recipients of alerts."""
    condition: ColumnElement[bool] = Schedule.alert_recipients.contains([{"user_id": str(user_id)}])
    return condition


def _remove_recipient(user_id: UUID) -> None:
    for schedule in db.session.scalars(select(Schedule).where(is_recipient(user_id)).with_for_update()):
        others = [item for item in schedule.alert_recipients if item.get("user_id") != str(user_id)]
        schedule.alert_recipients = others


def _payload_contains(texts: list[str]) -> ColumnElement[bool]:
    payload = func.lower(cast(Schedule.payload, Text))
    conditions = [func.strpos(payload, text.lower()) > 0 for text in texts]
    return or_(literal(False), *conditions)


def _changes(**values: object) -> dict[str, object]:
    return values | {"updated_at": func.now(), "version": Schedule.version + 1}


def _erase_schedules(schedule_ids: Sequence[UUID]) -> None:
    blank: dict[str, Any] = {
        "name": ERASED_NAME,
        "description": None,
        "payload": {},
        "on_failure": None,
        "concurrency_key": None,
    }
    statement = update(Schedule).where(Schedule.id.in_(schedule_ids))
    values = _changes(**blank, is_enabled=False, next_run=None, next_wall_clock=None)
    db.session.execute(statement.values(values).execution_options(**_UNSYNCED))
    for schedule_id in schedule_ids:
        record("schedule_erased", target=schedule_id)


def _erase_runs(schedule_ids: Sequence[UUID]) -> None:
    """Erase results and errors, and the payloads of the custom events, which carry the ID of their run."""
    runs = ScheduleRun.schedule_id.in_(schedule_ids)
    changes = {"result": None, "error": None, "version": ScheduleRun.version + 1, "updated_at": func.now()}
    db.session.execute(update(ScheduleRun).where(runs).values(changes).execution_options(**_UNSYNCED))
    subjects = select(cast(ScheduleRun.id, Text)).where(runs)
    custom = OutboxEvent.subject.in_(subjects) & OutboxEvent.type.startswith("custom.")
    payload = func.jsonb_set(OutboxEvent.data, "{payload}", cast({}, JSONB))
    db.session.execute(update(OutboxEvent).where(custom).values(data=payload).execution_options(**_UNSYNCED))
