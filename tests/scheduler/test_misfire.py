"""Which of the slots that have come run, and which are missed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from heidi_services.scheduler.misfire import MAX_CATCH_UP_RUNS, MissedSlots, SlotPlan, next_slot, plan_slots

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Timetable:
    misfire_policy: str = "LATEST"
    cron_expression: str = "* * * * *"
    timezone: str = "UTC"
    end_at: datetime | None = None
    misfire_window_seconds: int = 3600
    kind: str = "CRON"
    at: datetime | None = None
    every: str | None = None
    anchor_at: datetime | None = None
    excluded_dates: tuple[str, ...] = ()
    holiday_calendars: tuple[str, ...] = ()


def to_run(slots: SlotPlan) -> list[datetime]:
    return slots.catch_up + ([slots.newest] if slots.newest else [])


@pytest.mark.parametrize("policy", ["SKIP", "LATEST", "ALL"])
def test_a_slot_on_time_runs_under_every_policy(policy: str) -> None:
    slots = plan_slots(Timetable(policy, misfire_window_seconds=1), NOON, NOON + timedelta(seconds=58))
    assert slots == SlotPlan(newest=NOON, next_run=NOON + MINUTE)


def test_the_next_run_follows_the_slot_and_not_the_time_of_dispatch() -> None:
    hourly = Timetable(cron_expression="@hourly")
    assert plan_slots(hourly, NOON, NOON + 59 * MINUTE).next_run == NOON + 60 * MINUTE


def test_skip_runs_none_of_the_missed_slots() -> None:
    late = NOON + 3 * MINUTE + timedelta(seconds=10)
    slots = plan_slots(Timetable("SKIP"), NOON, late)
    assert to_run(slots) == [NOON + 3 * MINUTE]
    assert slots.missed == MissedSlots(NOON, NOON + 2 * MINUTE, 3)
    daily = Timetable("SKIP", cron_expression="0 12 * * *")
    assert to_run(plan_slots(daily, NOON, late)) == []
    assert plan_slots(daily, NOON, late).missed == MissedSlots(NOON, NOON, 1)


@pytest.mark.parametrize(
    ("window", "hours_late", "runs"), [(3600, 0.99, 1), (3600, 1.01, 0), (43_200, 11, 1), (43_200, 12.5, 0)]
)
def test_latest_runs_the_newest_slot_within_the_window(window: int, hours_late: float, runs: int) -> None:
    daily = Timetable(cron_expression="0 12 * * *", misfire_window_seconds=window)
    newest = NOON + timedelta(days=2)
    slots = plan_slots(daily, NOON, newest + timedelta(hours=hours_late))
    assert to_run(slots) == [newest][:runs]
    last = newest - timedelta(days=runs)
    assert slots.missed == MissedSlots(NOON, last, 3 - runs)


def test_all_runs_the_slots_within_the_window_up_to_a_hundred() -> None:
    ten_minutes = Timetable("ALL", misfire_window_seconds=600)
    slots = plan_slots(ten_minutes, NOON, NOON + 30 * MINUTE)
    assert to_run(slots) == [NOON + n * MINUTE for n in range(20, 31)]
    assert slots.missed == MissedSlots(NOON, NOON + 19 * MINUTE, 20)
    day = Timetable("ALL", misfire_window_seconds=86400)
    slots = plan_slots(day, NOON, NOON + 299 * MINUTE)
    assert to_run(slots) == [NOON + n * MINUTE for n in range(200, 300)]
    assert slots.missed == MissedSlots(NOON, NOON + 199 * MINUTE, 200)


@pytest.mark.parametrize(("policy", "expected"), [("SKIP", 1), ("LATEST", 1), ("ALL", MAX_CATCH_UP_RUNS)])
@pytest.mark.parametrize("days", [1, 45, 400])
def test_a_long_backlog_is_planned_at_once_without_a_gap(policy: str, expected: int, days: int) -> None:
    now = NOON + timedelta(days=days, seconds=20)
    slots = plan_slots(Timetable(policy, misfire_window_seconds=30 * 86400, timezone="Europe/Rome"), NOON, now)
    newest = NOON + timedelta(days=days)
    assert to_run(slots) == [newest - n * MINUTE for n in reversed(range(expected))]
    missed = days * 1440 + 1 - expected
    assert slots.missed == MissedSlots(NOON, newest - expected * MINUTE, missed)
    assert slots.next_run == newest + MINUTE


def test_all_finds_rare_slots_in_a_long_window() -> None:
    weekly = Timetable("ALL", cron_expression="0 12 * * MON", misfire_window_seconds=30 * 86400)
    now = NOON + timedelta(weeks=9, hours=5)
    slots = plan_slots(weekly, NOON, now)
    assert to_run(slots) == [NOON + timedelta(weeks=n) for n in range(5, 10)]
    assert slots.missed == MissedSlots(NOON, NOON + timedelta(weeks=4), 5)


def test_no_slot_is_after_the_end_or_before_the_start() -> None:
    ending = Timetable(end_at=NOON + MINUTE)
    slots = plan_slots(ending, NOON, NOON + 5 * MINUTE)
    assert slots == SlotPlan(newest=NOON + MINUTE, missed=MissedSlots(NOON, NOON, 1))
    assert next_slot(ending, NOON + MINUTE, None) is None
    assert next_slot(Timetable(), NOON, NOON + 90 * MINUTE) == NOON + 90 * MINUTE
    assert next_slot(Timetable(), NOON + 5 * MINUTE, NOON) == NOON + 6 * MINUTE
