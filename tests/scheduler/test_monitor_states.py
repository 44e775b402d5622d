"""The rules of a monitor's status, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from heidi_services.scheduler.enums import MonitorStatus, PingKind
from heidi_services.scheduler.models import Monitor
from heidi_services.scheduler.service.monitors import states
from heidi_services.scheduler.service.monitors.badge import draw_badge

START = datetime(2027, 3, 27, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def monitor(**values: Any) -> Monitor:
    defaults = {"every": "PT10M", "grace_seconds": 120, "status": "NEW", "timezone": "UTC", "manual_resume": False}
    return Monitor(**defaults | values)


def ping(row: Monitor, kind: str, after: timedelta, run: Any = None) -> str | None:
    change = states.apply_ping(row, PingKind(kind), run, START + after)
    return None if change is None else str(change[0])


def at_time(row: Monitor, after: timedelta) -> str | None:
    change = states.apply_time(row, START + after)
    return None if change is None else f"{change[0]} {change[1]}"


def test_a_new_monitor_waits_for_its_first_ping() -> None:
    row = monitor()
    states.schedule_check(row)
    assert row.due_at is None


def test_a_missing_ping_makes_a_monitor_late_and_after_the_grace_time_down() -> None:
    row = monitor()
    assert ping(row, "SUCCESS", timedelta()) == "UP"
    assert row.due_at == START + 10 * MINUTE
    assert at_time(row, 9 * MINUTE) is None
    assert at_time(row, 10 * MINUTE) == "LATE OVERDUE"
    assert row.due_at == START + 12 * MINUTE
    assert at_time(row, 12 * MINUTE) == "DOWN OVERDUE"
    assert row.due_at is None
    assert ping(row, "SUCCESS", 30 * MINUTE) == "UP"
    assert row.due_at == START + 40 * MINUTE


def test_a_late_ping_within_the_grace_time_only_ends_the_delay() -> None:
    row = monitor()
    ping(row, "SUCCESS", timedelta())
    at_time(row, 11 * MINUTE)
    assert ping(row, "SUCCESS", 11 * MINUTE) == "UP"


def test_a_clock_that_was_stopped_finds_a_monitor_down_at_once() -> None:
    row = monitor()
    ping(row, "SUCCESS", timedelta())
    assert at_time(row, timedelta(days=3)) == "DOWN OVERDUE"


@pytest.mark.parametrize("earlier", [[], ["SUCCESS"]], ids=str)
def test_a_start_without_an_end_is_down_after_the_grace_time(earlier: list[str]) -> None:
    row = monitor(every="P1D")
    for kind in earlier:
        ping(row, kind, timedelta())
    ping(row, "START", MINUTE)
    assert row.due_at == START + 3 * MINUTE
    assert at_time(row, 3 * MINUTE) == "DOWN UNFINISHED"
    assert ping(row, "SUCCESS", 5 * MINUTE) == "UP"
    assert row.due_at == START + 5 * MINUTE + timedelta(days=1)


def test_the_end_of_another_run_does_not_end_the_started_one() -> None:
    row = monitor(every="P1D")
    first, second = uuid4(), uuid4()
    ping(row, "START", timedelta(), first)
    ping(row, "START", MINUTE, second)
    ping(row, "SUCCESS", MINUTE, first)
    assert row.due_at == START + 3 * MINUTE
    ping(row, "SUCCESS", 2 * MINUTE, second)
    assert row.due_at == START + 2 * MINUTE + timedelta(days=1)


def test_a_failure_is_down_at_once_until_the_next_success() -> None:
    row = monitor()
    ping(row, "SUCCESS", timedelta())
    assert ping(row, "FAIL", MINUTE) == "DOWN"
    assert row.due_at is None
    assert ping(row, "FAIL", 2 * MINUTE) is None
    assert ping(row, "START", 3 * MINUTE) is None
    assert row.due_at is None
    assert ping(row, "SUCCESS", 4 * MINUTE) == "UP"


@pytest.mark.parametrize("status", [str(status) for status in MonitorStatus])
def test_a_log_changes_nothing(status: str) -> None:
    row = monitor(status=status, expected_at=START)
    assert ping(row, "LOG", MINUTE) is None
    assert (row.status, row.expected_at, row.last_ping_at) == (status, START, None)


@pytest.mark.parametrize(
    ("kind", "manual", "status"),
    [("SUCCESS", False, "UP"), ("START", False, "NEW"), ("FAIL", False, "DOWN"), ("SUCCESS", True, "PAUSED")],
)
def test_a_ping_ends_a_pause_unless_it_is_resumed_by_hand(kind: str, manual: bool, status: str) -> None:
    row = monitor(manual_resume=manual)
    ping(row, "SUCCESS", timedelta())
    states.pause(row)
    assert (row.status, row.due_at) == ("PAUSED", None)
    ping(row, kind, MINUTE)
    assert row.status == status


def test_a_resumed_monitor_is_watched_from_its_next_ping_on() -> None:
    row = monitor(manual_resume=True)
    ping(row, "SUCCESS", timedelta())
    states.pause(row)
    states.resume(row)
    assert (row.status, row.due_at) == ("NEW", None)
    assert states.resume(row) is None
    assert ping(row, "SUCCESS", MINUTE) == "UP"


def test_a_cron_expression_is_read_in_its_time_zone_across_a_change_of_the_clocks() -> None:
    row = monitor(every=None, cron_expression="30 6 * * *", timezone="Europe/Berlin")
    ping(row, "SUCCESS", timedelta())
    assert row.expected_at == datetime(2027, 3, 28, 4, 30, tzinfo=UTC)  # summer time begins on this day


def test_longer_times_bring_an_overdue_monitor_up_again() -> None:
    row = monitor()
    ping(row, "SUCCESS", timedelta())
    at_time(row, 20 * MINUTE)
    row.every = "PT1H"
    assert states.apply_settings(row, START + 20 * MINUTE) is not None
    assert (row.status, row.due_at) == ("UP", START + 60 * MINUTE)


@pytest.mark.parametrize("status", [str(status) for status in MonitorStatus])
@pytest.mark.parametrize("name", ["backup", 'a<b>&"c"', "Zürich 東京", "\x07", "x" * 500], ids=ascii)
def test_a_badge_is_well_formed_and_names_the_status(status: str, name: str) -> None:
    image = ElementTree.fromstring(draw_badge(name, MonitorStatus(status)))
    assert status.lower() in [element.text for element in image.iter()]
