"""The clock's probes: a task with a due row is never left out, and tasks without one are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import JSON, Table, insert, text

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.export_jobs.models import Export, ExportKind
from heidi_common.import_jobs.models import Import, ImportKind
from heidi_common.messaging.inbox import Inbox
from heidi_common.metrics.time_series import CounterDelta
from heidi_services.core.models import EventReplay, Operation
from heidi_services.files.models import FileJob, StoredObject
from heidi_services.integration.models import Delivery, Sync
from heidi_services.notification.models import BULK_PRIORITY, NORMAL_PRIORITY, UNHINTED, Notification
from heidi_services.scheduler.models import Monitor, Schedule, ScheduleRun
from tests.sql_recorder import recorded_statements
from workers import due_probes
from workers.broker import make_broker
from workers.clock import UNPROBED_SECONDS, tick
from workers.due_probes import PROBES, idle_tasks
from workers.periodic_tasks import PERIODIC_TASKS, PeriodicTask
from workers.subscriptions import SUBSCRIBER_QUEUES

PAST, FUTURE = utcnow() - timedelta(minutes=1), utcnow() + timedelta(hours=1)
DUE = {"next_attempt_at": PAST, "hinted_until": PAST}
UNRELEASED = {"priority": BULK_PRIORITY, "next_attempt_at": PAST, "hinted_until": UNHINTED}
RUNNING = {"status": "RUNNING", "attempts": 1, "awaits": uuid4()}
EXAMPLES: dict[type[Any], Any] = {str: "x", int: 1, bool: True, datetime: PAST, list: []}
Rows = list[tuple[type[Any], dict[str, Any]]]

WORK: dict[str, Rows] = {
    "counters": [(CounterDelta, {})],
    "schedules": [
        (Schedule, {"next_run": PAST, "is_enabled": True, "misfire_policy": "LATEST", "overlap_policy": "SKIP"})
    ],
    "schedule runs": [(ScheduleRun, DUE | {"status": "QUEUED"})],
    "outbound runs": [(ScheduleRun, DUE | {"status": "QUEUED"})],
    "schedule answers": [
        (ScheduleRun, RUNNING | {"hinted_until": PAST}),
        (Inbox, {"event_id": RUNNING["awaits"], "consumer": "accept_sync", "status": "done"}),
    ],
    "monitors": [(Monitor, {"due_at": PAST, "status": "UP", "every": "PT1H"})],
    "schedule reaper": [(ScheduleRun, RUNNING | {"locked_until": PAST, "hinted_until": FUTURE})],
    "operations": [(Operation, DUE | {"status": "PENDING"})],
    "event replays": [(EventReplay, DUE | {"integration_id": uuid4})],
    **{f"inbox {queue}": [(Inbox, DUE)] for queue in SUBSCRIBER_QUEUES},
    "bulk events": [(Inbox, DUE | {"is_bulk": True})],
    "notifications": [(Notification, DUE | {"channel": "EMAIL", "priority": NORMAL_PRIORITY})],
    "bulk EMAIL": [(Notification, UNRELEASED | {"channel": "EMAIL"})],
    "bulk SMS": [(Notification, UNRELEASED | {"channel": "SMS", "hinted_until": PAST})],
    "bulk PUSH": [(Notification, UNRELEASED | {"channel": "PUSH"})],
    "bulk IN_APP": [(Notification, UNRELEASED | {"channel": "IN_APP", "hinted_until": PAST})],
    "expired notifications": [(Notification, {"channel": "EMAIL", "expires_at": PAST, "hinted_until": FUTURE})],
    "deliveries": [(Delivery, DUE | {"status": "PENDING"})],
    **{f"{kind} imports": [(Import, DUE | {"status": "PENDING", "kind": kind.value})] for kind in ImportKind},
    **{f"{kind} exports": [(Export, DUE | {"status": "PENDING", "kind": kind.value})] for kind in ExportKind},
    "file processing": [(FileJob, DUE | {"status": "PENDING"})],
    "removed objects": [(StoredObject, {"remove_after": PAST, "status": "REMOVING"})],
    "syncs": [(Sync, DUE | {"status": "PENDING"})],
}


def store(model: Any, values: dict[str, Any]) -> None:
    """Insert a row, with an example for each required column that is not given, and without its foreign keys.

    A function in `values` is called.
    """
    table: Table = model.__table__
    required = [c for c in table.columns if not c.nullable and c.default is None and c.server_default is None]
    examples = {c.name: {} if isinstance(c.type, JSON) else EXAMPLES.get(c.type.python_type, uuid4()) for c in required}
    with transaction():
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        called = {name: value() if callable(value) else value for name, value in values.items()}
        db.session.execute(insert(table).values(examples | called))


def test_every_probe_belongs_to_a_task_and_every_frequent_task_has_a_probe() -> None:
    assert set(PROBES) == {task.name for task in PERIODIC_TASKS if task.every <= 5} == set(WORK)


def test_without_due_rows_all_tasks_are_idle(app: Flask) -> None:
    with recorded_statements() as statements:
        assert idle_tasks(tuple(task.name for task in PERIODIC_TASKS)) == set(PROBES)
    assert len(statements) == 1


@pytest.mark.parametrize("name", WORK)
def test_a_task_with_a_due_row_is_not_idle(app: Flask, name: str) -> None:
    for model, values in WORK[name]:
        store(model, values)
    assert name not in idle_tasks(tuple(PROBES))


@pytest.mark.parametrize("name", [name for name, rows in WORK.items() if rows[0][1].get("next_attempt_at")])
def test_a_row_that_is_not_due_or_leased_is_no_work(app: Flask, name: str) -> None:
    [(model, values)] = WORK[name]
    store(model, values | {"next_attempt_at": FUTURE})
    store(model, values | {"locked_until": FUTURE})
    store(model, values | {"hinted_until": FUTURE})
    assert name in idle_tasks(tuple(PROBES))


def polled(task: PeriodicTask, settings: Settings) -> bool:
    before = task.polled_at
    tick(make_broker(settings.broker_url), [task])
    return task.polled_at > before


def test_a_task_without_work_is_left_out_but_not_for_ever(app: Flask, settings: Settings) -> None:
    task = PeriodicTask("inbox core", 0, lambda: [])
    assert polled(task, settings), "it has never run"
    assert not polled(task, settings)
    store(Inbox, DUE)
    assert polled(task, settings)
    db.session.execute(text("DELETE FROM inbox"))
    db.session.commit()
    task.polled_at -= UNPROBED_SECONDS
    assert polled(task, settings), "a probe that is wrong must not stop a task"


def test_if_the_probes_fail_every_task_runs(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    task = PeriodicTask("inbox", 0, lambda: [])
    polled(task, settings)

    def fail(names: object) -> None:
        raise ConnectionError("unavailable")

    monkeypatch.setattr(due_probes, "idle_tasks", fail)
    assert polled(task, settings)
