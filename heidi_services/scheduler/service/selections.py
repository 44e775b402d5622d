"""Pause or resume many schedules with one request."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.database.text_search import contains
from heidi_common.database.transactions import transaction
from heidi_common.problems import Invalid
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.schedules import update_schedule

MAX_SELECTED = 1000


def switch_selection(
    *,
    enabled: bool,
    requested_by: UUID,
    ids: Sequence[UUID] | None = None,
    tag: str | None = None,
    q: str | None = None,
    action: str | None = None,
) -> int:
    """Enable or disable the schedules that fit all conditions. Either all of them are changed or none.

    Args:
        enabled: The new state.
        requested_by: The user or machine client, for the audit trail.
        ids: Only these schedules. Those that do not exist are ignored.
        tag: Only schedules with this tag.
        q: Only schedules whose name contains this text.
        action: Only schedules with this action.

    Returns:
        The number of schedules that had the other state.

    Raises:
        Invalid: More than 1,000 schedules would change, or one of them cannot be enabled.
    """
    statement = select(Schedule.id).where(Schedule.is_enabled != enabled)
    statement = statement if ids is None else statement.where(Schedule.id.in_(ids))
    statement = statement if tag is None else statement.where(Schedule.tags.contains([tag]))
    statement = statement if q is None else statement.where(contains(Schedule.sort_name, q))
    statement = statement if action is None else statement.where(Schedule.action == action)
    with transaction():
        selected = db.session.scalars(statement.order_by(Schedule.id).limit(MAX_SELECTED + 1)).all()
        if len(selected) > MAX_SELECTED:
            raise Invalid.field("ids", f"More than {MAX_SELECTED} schedules match; select fewer.")
        for schedule_id in selected:
            update_schedule(schedule_id, {"is_enabled": enabled}, version=None, requested_by=requested_by)
    return len(selected)
