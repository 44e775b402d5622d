"""Occurrences are counted as if each of them were computed, across changes of the UTC offset too."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heidi_services.scheduler.cron.counting import count_occurrences
from heidi_services.scheduler.cron.occurrences import occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron

ZONES = ["UTC", "Europe/Lisbon", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran"]
EXPRESSIONS = [
    "*/7 * * * *",
    "15 1,2,3 * * *",
    "0 */5 * * *",
    "30 2 L * *",
    "0 0 * * 5#2",
    "59 23 13 * FRI",
    "0 0 29 2 *",
]
START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(max_examples=12)
@given(start=st.integers(0, 400 * 1440), minutes=st.integers(0, 300 * 1440))
def test_the_number_is_that_of_the_occurrences(zone: str, expression: str, start: int, minutes: int) -> None:
    cron, tz = parse_cron(expression), ZoneInfo(zone)
    after = START + timedelta(minutes=start)
    until = after + timedelta(minutes=minutes)
    computed = sum(1 for _ in takewhile(lambda at: at <= until, occurrences_after(cron, tz, after)))
    assert count_occurrences(cron, tz, after, until) == computed
