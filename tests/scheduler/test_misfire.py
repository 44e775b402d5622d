"""Which of the slots that have come are to run."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from heidi_services.scheduler.misfire import CHUNK, MOST_CAUGHT_UP, first_slot, plan

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
def test_a_slot_in_time_runs_whatever_the_policy(policy: str) -> None:
    found = plan(Timetable(policy), NOON, NOON + timedelta(seconds=5))
    assert (found.to_run, found.missed, found.next_run) == ([NOON], [], NOON + MINUTE)


def test_the_next_run_follows_the_slot_and_not_the_moment_of_firing() -> None:
    hourly = Timetable(cron_expression="@hourly")
    assert plan(hourly, NOON, NOON + 59 * MINUTE).next_run == NOON + 60 * MINUTE


def test_skip_runs_none_of_the_missed_slots() -> None:
    late = NOON + 3 * MINUTE + timedelta(seconds=10)
    found = plan(Timetable("SKIP"), NOON, late)
    assert found.to_run == [NOON + 3 * MINUTE]
    assert found.missed == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    daily = Timetable("SKIP", cron_expression="0 12 * * *")
    assert plan(daily, NOON, late).to_run == []
    assert plan(daily, NOON, late).missed == [NOON]


def test_latest_runs_the_newest_of_the_missed_slots_however_late() -> None:
    daily = Timetable(cron_expression="0 12 * * *")
    found = plan(daily, NOON, NOON + timedelta(days=2, hours=11))
    assert found.to_run == [NOON + timedelta(days=2)]
    assert found.missed == [NOON, NOON + timedelta(days=1)]


def test_all_runs_what_is_within_the_window_up_to_a_hundred() -> None:
    ten_minutes = Timetable("ALL", misfire_window_seconds=600)
    found = plan(ten_minutes, NOON, NOON + 30 * MINUTE)
    assert found.to_run == [NOON + n * MINUTE for n in range(20, 31)]
    assert len(found.missed) == 20
    day = Timetable("ALL", misfire_window_seconds=86400)
    found = plan(day, NOON, NOON + 299 * MINUTE)
    assert found.to_run == [NOON + n * MINUTE for n in range(200, 300)]
    assert len(found.missed) == 200


@pytest.mark.parametrize(("policy", "expected"), [("SKIP", 1), ("LATEST", 1), ("ALL", MOST_CAUGHT_UP)])
def test_a_long_absence_is_worked_off_in_parts_without_a_hole(policy: str, expected: int) -> None:
    now, slot = NOON + 1620 * MINUTE, NOON
    timetable = Timetable(policy, misfire_window_seconds=30 * 86400)
    ran: list[datetime] = []
    seen: list[datetime] = []
    while slot <= now:
        found = plan(timetable, slot, now)
        assert len(found.to_run) + len(found.missed) <= CHUNK
        ran += found.to_run
        seen += found.missed + found.to_run
        assert found.next_run is not None
        slot = found.next_run
    assert seen == [NOON + n * MINUTE for n in range(1621)]
    assert ran == seen[-expected:]


def test_nothing_comes_after_the_end_and_nothing_before_the_start() -> None:
    ending = Timetable(end_at=NOON + MINUTE)
    found = plan(ending, NOON, NOON + 5 * MINUTE)
    assert found.next_run is None
    assert found.to_run == [NOON + MINUTE]
    assert first_slot(ending, NOON + MINUTE, None) is None
    assert first_slot(Timetable(), NOON, NOON + 90 * MINUTE) == NOON + 90 * MINUTE
    assert first_slot(Timetable(), NOON + 5 * MINUTE, NOON) == NOON + 6 * MINUTE
