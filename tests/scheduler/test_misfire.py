"""Which of the slots that have come run, and which are missed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from heidi_services.scheduler.misfire import MAX_CATCH_UP_RUNS, MAX_SLOTS_PER_PLAN, next_slot, plan_slots

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Timetable:
    misfire_policy: str = "LATEST"
    cron_expression: str = "* * * * *"
    timezone: str = "UTC"
    end_at: datetime | None = None
    misfire_window_seconds: int = 3600


@pytest.mark.parametrize("policy", ["SKIP", "LATEST", "ALL"])
def test_a_slot_on_time_runs_under_every_policy(policy: str) -> None:
    slots = plan_slots(Timetable(policy), NOON, NOON + timedelta(seconds=5))
    assert (slots.to_run, slots.missed, slots.next_run) == ([NOON], [], NOON + MINUTE)


def test_the_next_run_follows_the_slot_and_not_the_time_of_dispatch() -> None:
    hourly = Timetable(cron_expression="@hourly")
    assert plan_slots(hourly, NOON, NOON + 59 * MINUTE).next_run == NOON + 60 * MINUTE


def test_skip_runs_none_of_the_missed_slots() -> None:
    late = NOON + 3 * MINUTE + timedelta(seconds=10)
    slots = plan_slots(Timetable("SKIP"), NOON, late)
    assert slots.to_run == [NOON + 3 * MINUTE]
    assert slots.missed == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    daily = Timetable("SKIP", cron_expression="0 12 * * *")
    assert plan_slots(daily, NOON, late).to_run == []
    assert plan_slots(daily, NOON, late).missed == [NOON]


def test_latest_runs_the_newest_of_the_missed_slots_however_late() -> None:
    daily = Timetable(cron_expression="0 12 * * *")
    slots = plan_slots(daily, NOON, NOON + timedelta(days=2, hours=11))
    assert slots.to_run == [NOON + timedelta(days=2)]
    assert slots.missed == [NOON, NOON + timedelta(days=1)]


def test_all_runs_the_slots_within_the_window_up_to_a_hundred() -> None:
    ten_minutes = Timetable("ALL", misfire_window_seconds=600)
    slots = plan_slots(ten_minutes, NOON, NOON + 30 * MINUTE)
    assert slots.to_run == [NOON + n * MINUTE for n in range(20, 31)]
    assert len(slots.missed) == 20
    day = Timetable("ALL", misfire_window_seconds=86400)
    slots = plan_slots(day, NOON, NOON + 299 * MINUTE)
    assert slots.to_run == [NOON + n * MINUTE for n in range(200, 300)]
    assert len(slots.missed) == 200


@pytest.mark.parametrize(("policy", "expected"), [("SKIP", 1), ("LATEST", 1), ("ALL", MAX_CATCH_UP_RUNS)])
def test_a_long_backlog_is_planned_in_parts_without_a_gap(policy: str, expected: int) -> None:
    now, slot = NOON + 1620 * MINUTE, NOON
    timetable = Timetable(policy, misfire_window_seconds=30 * 86400)
    to_run: list[datetime] = []
    planned: list[datetime] = []
    while slot <= now:
        slots = plan_slots(timetable, slot, now)
        assert len(slots.to_run) + len(slots.missed) <= MAX_SLOTS_PER_PLAN
        to_run += slots.to_run
        planned += slots.missed + slots.to_run
        assert slots.next_run is not None
        slot = slots.next_run
    assert planned == [NOON + n * MINUTE for n in range(1621)]
    assert to_run == planned[-expected:]


def test_no_slot_is_after_the_end_or_before_the_start() -> None:
    ending = Timetable(end_at=NOON + MINUTE)
    slots = plan_slots(ending, NOON, NOON + 5 * MINUTE)
    assert slots.next_run is None
    assert slots.to_run == [NOON + MINUTE]
    assert next_slot(ending, NOON + MINUTE, None) is None
    assert next_slot(Timetable(), NOON, NOON + 90 * MINUTE) == NOON + 90 * MINUTE
    assert next_slot(Timetable(), NOON + 5 * MINUTE, NOON) == NOON + 6 * MINUTE
