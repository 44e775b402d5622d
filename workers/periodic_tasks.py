"""The tasks of the clock and their periods: send wake-up messages for due rows, and run tasks of the services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from dramatiq import Message

from heidi_common.channels.registry import CHANNELS, waits_for_provider
from heidi_common.database.models import utcnow
from heidi_common.database.retention import delete_in_batches
from heidi_common.export_jobs import requests as exports
from heidi_common.export_jobs.models import ExportKind
from heidi_common.import_jobs import cleanup as old_imports
from heidi_common.import_jobs import requests as imports
from heidi_common.import_jobs.models import ImportKind
from heidi_common.interceptors import idempotency_keys
from heidi_common.logger.causes import NO_CAUSE
from heidi_common.messaging import inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.metrics import certificate, clock_state, heartbeat, platform_states, time_series
from heidi_common.runtime import current_settings
from heidi_services.auth.service import retention as auth_retention
from heidi_services.core.service import event_replays, operations
from heidi_services.files.service import cleanup as file_cleanup
from heidi_services.files.service import processing as file_processing
from heidi_services.integration.service import retention as integration_retention
from heidi_services.integration.service import sync
from heidi_services.integration.service.deliveries import delivery_worker
from heidi_services.notification.service import retention as notification_retention
from heidi_services.notification.service import scheduled_tasks as notifications
from heidi_services.notification.service.attachments import contents
from heidi_services.notification.service.recipients import suppressions
from heidi_services.scheduler.service import clock_guard, dispatch, next_runs
from heidi_services.scheduler.service import retention as scheduler_retention
from heidi_services.scheduler.service.monitors import overdue
from heidi_services.scheduler.service.runs import reaper, request_replies
from workers.batching import LARGEST, OUTSIDE, Wakeable, hints
from workers.consumption import BULK_QUEUE, OUTBOUND_QUEUE
from workers.exports import delete_expired as delete_expired_exports
from workers.subscriptions import SUBSCRIBER_QUEUES, SUBSCRIPTIONS, Consume

LIMIT = 500
INBOX_DAYS = 14
Poll = Callable[[], Iterable[Message[Any]]]


@dataclass
class PeriodicTask:
    """A poll that runs every `every` seconds. The clock enqueues the messages that it returns.

    Attributes:
        next_at: When it is due, in seconds of `time.monotonic()`.
        polled_at: When it ran last. If `due_probes` has a condition for it, it is left out while that is false.
    """

    name: str
    every: float
    poll: Poll
    next_at: float = field(default=0.0)
    polled_at: float = field(default=0.0)


@dataclass(frozen=True)
class WakeUp:
    """A poll that asks a service for the IDs of due rows (at most `LIMIT`) and wakes `actor` for them.

    A message carries at most `largest` rows.
    """

    find_due: Callable[[int], Iterable[UUID]]
    queue: str
    actor: str
    largest: int = LARGEST

    def __call__(self) -> list[Message[Any]]:
        rows = [(str(row_id), NO_CAUSE) for row_id in self.find_due(LIMIT)]
        return hints(self.queue, self.actor, rows, largest=self.largest)


def run_task(task: Callable[[], object]) -> Poll:
    """A poll that runs a service's task in the clock itself. It sends no messages."""

    def poll() -> list[Message[Any]]:
        task()
        return []

    return poll


UNFINISHED: list[Message[Any]] = []
"""Returned by a poll that is to run again in the next round of the clock."""


def run_in_parts(task: Callable[[], bool]) -> Poll:
    """A poll that runs one part of a service's task, which returns whether work is left. It sends no messages."""
    return lambda: UNFINISHED if task() else []


def overdue_inbox(*queues: str) -> list[Message[Any]]:
    """Wake-up messages for events whose subscriber has not been woken, or failed and is due for another attempt.

    Args:
        queues: Only subscribers with these queues; by default all.
    """
    messages: list[Message[Any]] = []
    for queue in queues or SUBSCRIBER_QUEUES:
        consumers = {item.actor for item in SUBSCRIPTIONS if isinstance(item, Consume) and item.queue == queue}
        messages += _hints_for_subscribers(queue, inbox.collect_overdue(LIMIT, consumers))
    return messages


@dataclass(frozen=True)
class WakeSubscribers:
    """A poll for the overdue events of the subscribers of one queue."""

    queue: str

    def __call__(self) -> list[Message[Any]]:
        return overdue_inbox(self.queue)


def release_bulk_events() -> list[Message[Any]]:
    """Wake-up messages for the next events of bulk work, in the queue that leaves threads to urgent work."""
    return _hints_for_subscribers(BULK_QUEUE, inbox.release_bulk(LIMIT))


def _hints_for_subscribers(queue: str, due: Iterable[tuple[str, UUID]]) -> list[Message[Any]]:
    rows: dict[str, list[Wakeable]] = {}
    for consumer, event_id in due:
        rows.setdefault(consumer, []).append((str(event_id), NO_CAUSE))
    return [message for consumer, ids in rows.items() for message in hints(queue, consumer, ids)]


IS_DISPENSABLE = (OutboxEvent.sent_at.is_not(None), inbox.is_handled(OutboxEvent.id))
"""The conditions, besides its age, under which an event is deleted."""


def delete_expired_events() -> bool:
    """Delete a part of the events and inbox rows that are past their retention period; returns whether some are left.

    An event is kept while a subscriber has not handled it, and while it is a dead letter.
    """
    now, retention = utcnow(), timedelta(days=current_settings().event_retention_days)
    more_events = delete_in_batches(OutboxEvent, OutboxEvent.created_at, now - retention, *IS_DISPENSABLE)
    return delete_in_batches(inbox.Inbox, inbox.Inbox.done_at, now - timedelta(days=INBOX_DAYS)) or more_events


def _release_bulk(channel: str, largest: int) -> WakeUp:
    """Channels do not share messages: an in-app message would wait for the mail server."""
    return WakeUp(partial(notifications.release_bulk, channel), BULK_QUEUE, "deliver_notification", largest)


def _bulk_task(channel: str) -> PeriodicTask:
    """Messages without a provider take less time, so they are released sooner and share a wake-up message."""
    pause, largest = (0.5, OUTSIDE) if waits_for_provider(channel) else (0.2, LARGEST)
    return PeriodicTask(f"bulk {channel}", pause, _release_bulk(channel, largest))


def _import_task(kind: ImportKind) -> PeriodicTask:
    return PeriodicTask(f"{kind} imports", 0.5, WakeUp(partial(imports.overdue, kind), BULK_QUEUE, f"import_{kind}"))


def _export_task(kind: ExportKind) -> PeriodicTask:
    return PeriodicTask(f"{kind} exports", 0.5, WakeUp(partial(exports.overdue, kind), BULK_QUEUE, f"export_{kind}"))


PERIODIC_TASKS = (
    PeriodicTask("time zone rules", 3600, run_task(next_runs.apply_rules)),  # before the first dispatch
    PeriodicTask("clock comparison", 6, run_task(clock_guard.store_state)),
    PeriodicTask("schedules", 0.2, run_task(dispatch.dispatch_due)),
    PeriodicTask("schedule runs", 0.5, WakeUp(reaper.overdue_runs, "scheduler", "run_schedule")),
    PeriodicTask("outbound runs", 0.5, WakeUp(reaper.overdue_outbound_runs, OUTBOUND_QUEUE, "run_outbound")),
    PeriodicTask("schedule answers", 0.5, WakeUp(request_replies.runs_with_reply, "scheduler", "conclude_run")),
    PeriodicTask("monitors", 1, run_task(overdue.detect_overdue)),
    PeriodicTask("schedule reaper", 5, run_task(reaper.reap_expired)),
    PeriodicTask("schedule history", 3600, run_in_parts(scheduler_retention.delete_expired)),
    PeriodicTask("operations", 1, WakeUp(operations.overdue, "core", "carry_out_operation")),
    PeriodicTask("event replays", 0.5, WakeUp(event_replays.overdue, "core", "replay_events")),
    *(PeriodicTask(f"inbox {queue}", 1, WakeSubscribers(queue)) for queue in SUBSCRIBER_QUEUES),
    PeriodicTask("bulk events", 0.2, release_bulk_events),
    PeriodicTask("prune", 3600, run_in_parts(delete_expired_events)),
    PeriodicTask("counters", 5, run_in_parts(time_series.fold)),
    PeriodicTask("old counters", 3600, run_in_parts(time_series.delete_expired)),
    PeriodicTask("old heartbeats", 3600, run_task(heartbeat.delete_old)),
    PeriodicTask("old clock states", 3600, run_task(clock_state.delete_old)),
    PeriodicTask("certificate", 3600, run_task(certificate.store_expiry)),
    PeriodicTask("old states", 86_400, run_task(platform_states.delete_old)),
    PeriodicTask("idempotency", 600, run_in_parts(idempotency_keys.delete_expired)),
    PeriodicTask("notifications", 1, WakeUp(notifications.overdue, "notification", "deliver_notification", OUTSIDE)),
    *map(_bulk_task, CHANNELS),
    PeriodicTask("expired notifications", 5, run_task(notifications.fail_expired)),
    PeriodicTask("old tokens and sessions", 3600, run_in_parts(auth_retention.delete_expired)),
    PeriodicTask("old notifications", 3600, run_in_parts(notification_retention.delete_expired)),
    PeriodicTask("unused attachments", 60, run_in_parts(contents.delete_unused)),
    PeriodicTask("unused addresses", 86_400, run_in_parts(suppressions.hash_unused_addresses)),
    PeriodicTask("expired suppressions", 86_400, run_in_parts(suppressions.delete_expired)),
    PeriodicTask("deliveries", 1, WakeUp(delivery_worker.overdue, "webhooks", "deliver_webhook")),
    PeriodicTask("syncs", 1, WakeUp(sync.overdue, OUTBOUND_QUEUE, "run_sync")),
    PeriodicTask("integration logs", 3600, run_in_parts(integration_retention.delete_expired_logs)),
    PeriodicTask("old webhooks", 3600, run_in_parts(integration_retention.delete_expired_events)),
    PeriodicTask("old syncs", 3600, run_in_parts(integration_retention.delete_expired_syncs)),
    PeriodicTask("old deliveries", 3600, run_in_parts(integration_retention.delete_expired_deliveries)),
    *(_import_task(kind) for kind in ImportKind),
    PeriodicTask("old imports", 3600, run_in_parts(old_imports.delete_expired)),
    *(_export_task(kind) for kind in ExportKind),
    PeriodicTask("old exports", 600, run_in_parts(delete_expired_exports)),
    PeriodicTask("file processing", 0.5, WakeUp(file_processing.overdue, "files", "process_file")),
    PeriodicTask("removed objects", 2, WakeUp(file_cleanup.removable, "files", "remove_object")),
    PeriodicTask("expired file uploads", 60, run_in_parts(file_cleanup.delete_expired_uploads)),
    PeriodicTask("old file links", 3600, run_in_parts(file_cleanup.delete_expired_links)),
)
