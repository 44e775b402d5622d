"""Runs that asked another service for something end with its answer: the inbox row of whom they asked."""

from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import all_event_types
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import mark_hinted, status_is
from heidi_services.scheduler.enums import Status
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.run_results import done, give_up

ASKED = frozenset(fact.answered_by for fact in all_event_types() if fact.answered_by)
ANSWER = (Inbox.event_id == ScheduleRun.awaits) & Inbox.consumer.in_(ASKED) & (Inbox.status != "pending")


def answered(limit: int) -> list[UUID]:
    """Runs whose answer is there and whom nobody was told about, stamped as told."""
    found = (
        select(ScheduleRun.id)
        .join(Inbox, ANSWER)
        .where(ScheduleRun.status == Status.RUNNING, ScheduleRun.hinted_until <= func.now())
        .limit(limit)
        .with_for_update(of=ScheduleRun, skip_locked=True)
    )
    return mark_hinted(ScheduleRun, found)


def conclude(run_id: UUID) -> None:
    """End a run as it was answered; a refusal would come again, so it is not tried again."""
    statement = (
        select(ScheduleRun.attempts, Inbox.status, Inbox.last_error)
        .join(Inbox, ANSWER)
        .where(ScheduleRun.id == run_id, status_is(ScheduleRun.status, Status.RUNNING))
    )
    with transaction():
        found = db.session.execute(statement).first()
    if found is None:
        return
    if found.status == "done":
        done(run_id, found.attempts)
    else:
        give_up(run_id, found.attempts, Status.FAILED, found.last_error or found.status, retry=False)
