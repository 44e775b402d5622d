"""Whether the clock's tasks have something to do: one statement for all tasks that are due, instead of several each.

A probe may be true too often, never too rarely: its condition is that of its task or a weaker one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Exists, exists, func, select

from heidi_common.channels.registry import CHANNELS
from heidi_common.database.compiled import CompiledStatement
from heidi_common.export_jobs.models import Export, ExportKind
from heidi_common.import_jobs.models import Import, ImportKind
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import is_overdue
from heidi_common.metrics.time_series import CounterDelta
from heidi_services.core.models import EventReplay, Operation
from heidi_services.files.models import FileJob, StoredObject
from heidi_services.integration.models import Delivery, Sync
from heidi_services.notification.models import NORMAL_PRIORITY, Notification
from heidi_services.notification.service.scheduled_tasks import releasable
from heidi_services.scheduler.models import Monitor, Schedule, ScheduleRun
from workers.subscriptions import SUBSCRIBER_QUEUES


def _any(*conditions: Any) -> Exists:
    return exists().where(*conditions)


def _any_overdue(model: Any, open_status: str, *conditions: Any) -> Exists:
    return _any(is_overdue(model, open_status), *conditions)


PROBES: Mapping[str, ColumnElement[bool]] = {
    "counters": _any(CounterDelta.id > 0),
    "schedules": _any(Schedule.is_enabled, Schedule.next_run <= func.now()),
    "schedule runs": _any_overdue(ScheduleRun, "QUEUED"),
    "outbound runs": _any_overdue(ScheduleRun, "QUEUED"),
    "schedule answers": _any(
        ScheduleRun.status == "RUNNING",
        ScheduleRun.hinted_until <= func.now(),
        Inbox.event_id == ScheduleRun.awaits,
        Inbox.status != "pending",
    ),
    "monitors": _any(Monitor.due_at <= func.now()),
    "schedule reaper": _any(ScheduleRun.status == "RUNNING", ScheduleRun.locked_until < func.now()),
    "operations": _any_overdue(Operation, "PENDING"),
    "event replays": _any_overdue(EventReplay, "PENDING"),
    **{f"inbox {queue}": _any_overdue(Inbox, "pending", ~Inbox.is_bulk) for queue in SUBSCRIBER_QUEUES},
    "bulk events": _any_overdue(Inbox, "pending", Inbox.is_bulk),
    "notifications": _any_overdue(Notification, "PENDING", Notification.priority == NORMAL_PRIORITY),
    "expired notifications": _any(Notification.status == "PENDING", Notification.expires_at <= func.now()),
    "deliveries": _any_overdue(Delivery, "PENDING"),
    "syncs": _any_overdue(Sync, "PENDING"),
    **{f"{kind} imports": _any_overdue(Import, "PENDING", Import.kind == kind) for kind in ImportKind},
    **{f"{kind} exports": _any_overdue(Export, "PENDING", Export.kind == kind) for kind in ExportKind},
    "file processing": _any_overdue(FileJob, "PENDING"),
    "removed objects": _any(StoredObject.remove_after <= func.now()),
    **{f"bulk {channel}": _any(releasable(channel)) for channel in CHANNELS},
}
"""The condition of each task that has one, by the name of the task."""


def idle_tasks(names: tuple[str, ...]) -> set[str]:
    """Of these tasks, the names of those that have a probe and nothing to do."""
    probed = tuple(name for name in names if name in PROBES)
    if not probed:
        return set()
    return {name for name, has_work in zip(probed, _statement(probed).first() or (), strict=True) if not has_work}


@cache
def _statement(names: tuple[str, ...]) -> CompiledStatement:
    return CompiledStatement(select(*(PROBES[name] for name in names)))
