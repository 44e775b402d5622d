"""The kind of a schedule follows from the one field that gives its times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from heidi_common.problems import Invalid
from heidi_common.schemas.naming import camel
from heidi_services.scheduler.enums import ScheduleKind
from heidi_services.scheduler.models import Schedule

FIELDS = {ScheduleKind.CRON: "cron_expression", ScheduleKind.AT: "at", ScheduleKind.EVERY: "every"}
EXACTLY_ONE = "Specify exactly one of `cronExpression`, `at` and `every`."


def apply_kind(schedule: Schedule, values: Mapping[str, Any], now: datetime) -> None:
    """Set the kind of a schedule that has its new values, and clear the fields of the other kinds.

    Args:
        schedule: The schedule.
        values: The new values by attribute, as the client has sent them.
        now: The database's time: the anchor of intervals, if neither an anchor nor a start is given.

    Raises:
        Invalid: None or several of the fields are given, or `kind` does not fit them.
    """
    kind = _kind_of(schedule, values)
    if values.get("kind") not in (None, kind):
        raise Invalid.field("kind", f"Must match the other fields, which make the schedule one of kind {kind}.")
    schedule.kind = kind
    schedule.cron_expression = schedule.cron_expression if kind == ScheduleKind.CRON else ""
    schedule.at = schedule.at if kind == ScheduleKind.AT else None
    schedule.every = schedule.every if kind == ScheduleKind.EVERY else None
    anchor = schedule.anchor_at or schedule.start_at or now.replace(microsecond=0)
    schedule.anchor_at = anchor if kind == ScheduleKind.EVERY else None


def _kind_of(schedule: Schedule, values: Mapping[str, Any]) -> ScheduleKind:
    kinds = [kind for kind, name in FIELDS.items() if values.get(name)]
    if len(kinds) > 1:
        raise Invalid.field(camel(FIELDS[kinds[1]]), EXACTLY_ONE)
    kind = kinds[0] if kinds else ScheduleKind(schedule.kind or ScheduleKind.CRON)
    if not getattr(schedule, FIELDS[kind]):
        raise Invalid.field("cronExpression", EXACTLY_ONE)
    return kind
