"""Descriptions in English, and notes on clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from heidi_services.scheduler.cron.clock_changes import clock_change_notes
from heidi_services.scheduler.cron.description import describe_cron
from heidi_services.scheduler.cron.parser import parse_cron

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "description"),
    [
        ("30 2 * * 1", "at 02:30 on Mondays"),
        ("30 2 * * *", "at 02:30 every day"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 past every hour"),
        ("5 * * * *", "at minute 5 past every hour"),
        ("0 9-17 * * 1-5", "at minute 0 past hours 9 to 17 on Monday to Friday"),
        ("* 2 * * *", "every minute of hour 2 every day"),
        ("0 0 * * 0,6", "at 00:00 on Saturdays and Sundays"),
        ("0 0 L * *", "at 00:00 on the last day of the month"),
        ("0 0 1,15,L * *", "at 00:00 on days 1 and 15 and the last day of the month"),
        ("0 0 * * FRI#3", "at 00:00 on the third Friday of the month"),
        ("0 0 * * 5L", "at 00:00 on the last Friday of the month"),
        ("0 0 13 * 5", "at 00:00 on day 13 of the month or on Fridays"),
        ("0 0 */10 * 1", "at 00:00 on Mondays if on days 1, 11, 21 and 31 of the month"),
        ("0 0 1 1 *", "at 00:00 on day 1 of the month in January"),
        ("0,30 6,18 * 6,7 *", "at 06:00, 06:30, 18:00 and 18:30 in June and July"),
        ("@hourly", "at minute 0 past every hour"),
    ],
)
def test_an_expression_is_described_in_english(expression: str, description: str) -> None:
    assert describe_cron(parse_cron(expression), BERLIN) == f"{description}, Europe/Berlin"


def test_the_clock_changes_of_a_fixed_time_are_noted() -> None:
    assert clock_change_notes(parse_cron("30 2 * * *"), BERLIN, NEW_YEAR) == [
        "2027-03-28: 02:30 is skipped because the clocks go forward; one run starts at 2027-03-28T03:00+02:00",
        "2027-10-31: 02:30 occurs twice because the clocks go back; runs start the first time only",
    ]


def test_the_clock_changes_of_a_wildcard_job_are_noted() -> None:
    assert clock_change_notes(parse_cron("*/10 2 * * *"), BERLIN, NEW_YEAR) == [
        "2027-03-28: 02:00 to 02:50 are skipped because the clocks go forward; nothing runs",
        "2027-10-31: 02:00 to 02:50 occur twice because the clocks go back; runs start both times",
    ]


def test_a_time_that_no_clock_change_affects_has_no_note() -> None:
    assert clock_change_notes(parse_cron("30 12 * * *"), BERLIN, NEW_YEAR) == []
    assert clock_change_notes(parse_cron("30 2 * * *"), ZoneInfo("Asia/Kathmandu"), NEW_YEAR) == []
