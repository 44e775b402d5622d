"""Whatever is due -> broker: `python -m workers.clock`. Any number may run; row locks settle who does what.

Schedules fire here; rows that are due with no message under way get one; what has expired or is kept no longer goes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from dramatiq import Broker, Message
from sqlalchemy import exists

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches
from heidi_common.messaging import inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.runtime import current_settings
from workers.actors import hint
from workers.broker import make_broker
from workers.runner import forever
from workers.subscriptions import SUBSCRIPTIONS, Consume

log = logging.getLogger(__name__)
LIMIT = 500
INBOX_DAYS = 14
AFTER_FAILURE = 5.0
"""Seconds before a duty that failed is looked after again."""


@dataclass
class Duty:
    """Something to look after every so many seconds."""

    name: str
    every: float
    look: Callable[[], Iterable[Message[Any]]]
    next_at: float = field(default=0.0)


def due(path: str, queue: str, actor: str) -> Callable[[], list[Message[Any]]]:
    """A duty that asks a service ("module:function", taking a limit) for the ids of what is due."""

    def look() -> list[Message[Any]]:
        return [hint(queue, actor, str(found)) for found in _call(path, LIMIT)]

    return look


def deed(path: str) -> Callable[[], list[Message[Any]]]:
    """A duty that a service does by itself ("module:function"): nobody needs to be told."""

    def look() -> list[Message[Any]]:
        _call(path)
        return []

    return look


def _call(path: str, *args: Any) -> list[UUID]:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)(*args) or []


def overdue_inbox() -> list[Message[Any]]:
    """Facts whose subscriber was not told, or did not manage: told again."""
    queues = {found.actor: found.queue for found in SUBSCRIPTIONS if isinstance(found, Consume)}
    found = inbox.overdue(LIMIT)
    return [hint(queues[consumer], consumer, str(event_id)) for consumer, event_id in found if consumer in queues]


def prune() -> list[Message[Any]]:
    """Forget facts and inbox rows whose time has passed. A fact that a subscriber still waits for stays, and a dead one
    until somebody decides."""
    now, kept = utcnow(), timedelta(days=current_settings().event_retention_days)
    undigested = exists().where(inbox.Inbox.event_id == OutboxEvent.id, inbox.Inbox.status.in_(("pending", "dead")))
    delete_in_batches(OutboxEvent, OutboxEvent.sent_at.is_not(None), OutboxEvent.created_at < now - kept, ~undigested)
    delete_in_batches(inbox.Inbox, inbox.Inbox.done_at < now - timedelta(days=INBOX_DAYS), key=inbox.Inbox.event_id)
    return []


_NOTIFICATION = "heidi_services.notification.service.scheduled_tasks"

DUTIES = (
    Duty("schedules", 0.2, deed("heidi_services.scheduler.service:fire")),
    Duty("schedule runs", 0.5, due("heidi_services.scheduler.service:overdue", "scheduler", "run_schedule")),
    Duty("schedule answers", 0.5, due("heidi_services.scheduler.service:answered", "scheduler", "conclude_run")),
    Duty("schedule reaper", 5, deed("heidi_services.scheduler.service:reap")),
    Duty("schedule history", 3600, deed("heidi_services.scheduler.service:prune")),
    Duty("operations", 1, due("heidi_services.core.service.operations:overdue", "core", "carry_out_operation")),
    Duty("inbox", 1, overdue_inbox),
    Duty("prune", 3600, prune),
    Duty("idempotency", 600, deed("heidi_common.interceptors.idempotency:delete_expired")),
    Duty("notifications", 1, due(f"{_NOTIFICATION}:overdue", "notification", "deliver_notification")),
    Duty("bulk notifications", 0.5, due(f"{_NOTIFICATION}:next_bulk", "bulk", "deliver_notification")),
    Duty("expired notifications", 5, deed(f"{_NOTIFICATION}:expire")),
    Duty("old tokens and sessions", 3600, deed("heidi_services.auth.service.retention:prune")),
    Duty("old notifications", 3600, deed(f"{_NOTIFICATION}:forget_old")),
    Duty(
        "deliveries",
        1,
        due("heidi_services.integration.service.delivery_worker:overdue", "webhooks", "deliver_webhook"),
    ),
    Duty("syncs", 1, due("heidi_services.integration.service.sync:overdue", "integration", "run_sync")),
    Duty("integration logs", 3600, deed("heidi_services.integration.service.integration_log:prune")),
    Duty("old webhooks", 3600, deed("heidi_services.integration.service.received_events:prune")),
    Duty("old syncs", 3600, deed("heidi_services.integration.service.sync:prune")),
    Duty("old deliveries", 3600, deed("heidi_services.integration.service.delivery_worker:prune")),
)


def round(broker: Broker, duties: Iterable[Duty] = DUTIES) -> None:
    """Every duty whose time has come. One that fails waits a while, alone; raises when none of them could be done."""
    due = [duty for duty in duties if time.monotonic() >= duty.next_at]
    failures = [error for duty in due if (error := _attend(duty, broker)) is not None]
    if failures and len(failures) == len(due):
        raise failures[0]


def _attend(duty: Duty, broker: Broker) -> Exception | None:
    duty.next_at = time.monotonic() + duty.every
    try:
        for message in duty.look():
            broker.enqueue(message)
    except Exception as error:
        db.session.rollback()  # the next duty begins anew, not in a transaction that was broken here
        duty.next_at = time.monotonic() + max(duty.every, AFTER_FAILURE)
        log.warning("duty failed", extra={"duty": duty.name, "error": repr(error)[:300]})
        return error
    return None


def main() -> None:
    settings = Settings.from_env()
    app = base_app(settings, "clock")
    broker = make_broker(settings.broker_url)

    def look() -> None:
        with app.app_context():
            round(broker)

    forever("clock", look, pause=0.2)


if __name__ == "__main__":
    main()
