"""End runs whose action was a request to another service, when that service has replied.

The reply is the status of the inbox row of the consumer that handles the request.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import all_event_types
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import mark_hinted, status_is
from heidi_services.scheduler.enums import FAILED_STATUSES, RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.runs.run_recording import record_runs
from heidi_services.scheduler.service.runs.run_results import retry_or_fail, success_record

REPLYING_CONSUMERS = frozenset(event.answered_by for event in all_event_types() if event.answered_by)
HAS_REPLY = (
    (Inbox.event_id == ScheduleRun.awaits) & Inbox.consumer.in_(REPLYING_CONSUMERS) & (Inbox.status != "pending")
)


RECOVERS = Schedule.notify_on_recovery & func.coalesce(Schedule.last_run_status.in_(FAILED_STATUSES), False)


def runs_with_reply(limit: int) -> list[UUID]:
    """Return the IDs of runs whose reply has arrived without a wake-up message under way, and mark them as hinted."""
    replied = (
        select(ScheduleRun.id)
        .join(Inbox, HAS_REPLY)
        .where(ScheduleRun.status == RunStatus.RUNNING, ScheduleRun.hinted_until <= func.now())
        .limit(limit)
        .with_for_update(of=ScheduleRun, skip_locked=True)
    )
    return mark_hinted(ScheduleRun, replied)


def complete_runs(run_ids: Sequence[UUID]) -> None:
    """End runs according to the replies. A rejected request is not retried, because it would be rejected again."""
    statement = (
        select(
            ScheduleRun.id.label("run_id"),
            ScheduleRun.schedule_id,
            ScheduleRun.scheduled_for,
            ScheduleRun.reruns,
            RECOVERS.label("recovers"),
            ScheduleRun.attempts.label("attempt"),
            Inbox.status,
            Inbox.last_error,
        )
        .join(Inbox, HAS_REPLY)
        .join(Schedule, Schedule.id == ScheduleRun.schedule_id)
        .where(ScheduleRun.id.in_(run_ids), status_is(ScheduleRun.status, RunStatus.RUNNING))
    )
    with transaction():
        replies = db.session.execute(statement).all()
    record_runs([success_record(reply) for reply in replies if reply.status == "done"])
    for reply in replies:
        if reply.status != "done":
            error = reply.last_error or reply.status
            retry_or_fail(reply.run_id, reply.attempt, RunStatus.FAILED, error, retry=False)
