"""Known values, computed by hand: when each expression occurs."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from heidi_services.scheduler.cron.occurrences import next_occurrence, occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron

BERLIN = ZoneInfo("Europe/Berlin")


def times(expression: str, after: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    start = datetime.fromisoformat(after)
    start = start if start.tzinfo else start.replace(tzinfo=zone)
    occurrences = islice(occurrences_after(parse_cron(expression), zone, start), count)
    return [slot.astimezone(zone).isoformat(timespec="minutes") for slot in occurrences]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("30 2 * * *", "2027-03-27T12:00", ["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"]),
        ("0,30 2 * * *", "2027-03-27T12:00", ["2027-03-28T03:00+02:00", "2027-03-29T02:00+02:00"]),
        ("*/30 2 * * *", "2027-03-27T12:00", ["2027-03-29T02:00+02:00"]),
        ("0 */2 * * *", "2027-03-27T23:00", ["2027-03-28T00:00+01:00", "2027-03-28T04:00+02:00"]),
        ("0 2,3 * * *", "2027-03-28T00:00", ["2027-03-28T03:00+02:00", "2027-03-29T02:00+02:00"]),
        ("30 2 * * *", "2027-10-30T12:00", ["2027-10-31T02:30+02:00", "2027-11-01T02:30+01:00"]),
        ("30 2 * * *", "2027-10-31T02:10+01:00", ["2027-11-01T02:30+01:00"]),
        (
            "*/30 2 * * *",
            "2027-10-30T12:00",
            [
                "2027-10-31T02:00+02:00",
                "2027-10-31T02:30+02:00",
                "2027-10-31T02:00+01:00",
                "2027-10-31T02:30+01:00",
            ],
        ),
        (
            "0 0 13 * 5",
            "2026-01-01T12:00",
            ["2026-01-02T00:00+01:00", "2026-01-09T00:00+01:00", "2026-01-13T00:00+01:00"],
        ),
        ("0 0 */2 * 1", "2026-01-01T12:00", ["2026-01-05T00:00+01:00", "2026-01-19T00:00+01:00"]),
        (
            "*/7 * * * *",
            "2026-01-01T00:40",
            [f"2026-01-01T{at}+01:00" for at in ("00:42", "00:49", "00:56", "01:00")],
        ),
        ("0 12 L * *", "2028-02-01T00:00", ["2028-02-29T12:00+01:00", "2028-03-31T12:00+02:00"]),
        ("0 0 * * 5L", "2026-01-01T12:00", ["2026-01-30T00:00+01:00", "2026-02-27T00:00+01:00"]),
        ("0 0 * * FRI#3", "2026-01-01T12:00", ["2026-01-16T00:00+01:00", "2026-02-20T00:00+01:00"]),
        ("50/5 23 1 jan *", "2026-01-01T23:52", ["2026-01-01T23:55+01:00", "2027-01-01T23:50+01:00"]),
        ("0 0 * * 7", "2026-01-01T12:00", ["2026-01-04T00:00+01:00"]),
        ("0 0 * * 0", "2026-01-01T12:00", ["2026-01-04T00:00+01:00"]),
        ("0 0 * * 6/1", "2026-01-01T12:00", ["2026-01-03T00:00+01:00", "2026-01-04T00:00+01:00"]),
        ("0 0 29 2 *", "2096-03-01T00:00", ["2104-02-29T00:00+01:00"]),
        ("0 0 */28 2 1#5", "2072-03-01T00:00", ["2112-02-29T00:00+01:00"]),
        ("@hourly", "2027-03-28T01:00", ["2027-03-28T03:00+02:00"]),
        ("@daily", "2026-01-01T12:00", ["2026-01-02T00:00+01:00"]),
        ("@weekly", "2026-01-01T12:00", ["2026-01-04T00:00+01:00"]),
        ("@monthly", "2026-01-01T12:00", ["2026-02-01T00:00+01:00"]),
        ("@yearly", "2026-01-01T12:00", ["2027-01-01T00:00+01:00"]),
    ],
)
def test_an_expression_occurs_at_the_known_times(expression: str, after: str, expected: list[str]) -> None:
    assert times(expression, after, len(expected)) == expected


def test_where_the_clocks_shift_by_half_an_hour_the_gap_and_the_repeat_are_half_an_hour() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    gap = times("15 2 * * *", "2027-10-02T12:00", 2, lord_howe)
    assert gap == ["2027-10-03T02:30+11:00", "2027-10-04T02:15+11:00"]
    repeat = times("45 1 * * *", "2027-04-03T12:00", 2, lord_howe)
    assert repeat == ["2027-04-04T01:45+11:00", "2027-04-05T01:45+10:30"]


def test_a_job_on_a_day_that_a_time_zone_skips_runs_at_the_end_of_the_gap() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    assert times("0 12 30 12 *", "2011-12-29T13:00", 1, samoa) == ["2011-12-31T00:00+14:00"]


def test_the_next_occurrence_is_strictly_after_the_instant() -> None:
    every_minute = parse_cron("* * * * *")
    noon = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert next_occurrence(every_minute, BERLIN, noon) == noon.replace(minute=1)
    assert next_occurrence(every_minute, BERLIN, noon.replace(microsecond=1)) == noon.replace(minute=1)
    before = datetime(2026, 1, 1, 11, 59, 59, 999999, tzinfo=UTC)
    assert next_occurrence(every_minute, BERLIN, before) == noon


def test_a_job_whose_only_hour_is_always_skipped_has_no_next_occurrence() -> None:
    last_sunday_of_march_at_two = parse_cron("*/30 2 * 3 0L")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert next_occurrence(last_sunday_of_march_at_two, BERLIN, now) is None


def test_the_end_of_the_calendar_does_not_raise() -> None:
    end = datetime(9999, 6, 1, tzinfo=UTC)
    assert next_occurrence(parse_cron("@daily"), BERLIN, end) is None
