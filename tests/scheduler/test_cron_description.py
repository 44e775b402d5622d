"""Descriptions in English and German, and notes on clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from heidi_services.scheduler.cron.clock_changes import clock_change_notes
from heidi_services.scheduler.cron.description import describe_cron, describe_interval
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


@pytest.mark.parametrize(
    ("expression", "description"),
    [
        ("30 2 * * 1", "montags um 02:30 Uhr"),
        ("30 2 * * *", "jeden Tag um 02:30 Uhr"),
        ("* * * * *", "jede Minute"),
        ("*/15 * * * *", "alle 15 Minuten"),
        ("*/7 * * * *", "zu den Minuten 0, 7, 14, 21, 28, 35, 42, 49 und 56 jeder Stunde"),
        ("5 * * * *", "zur Minute 5 jeder Stunde"),
        ("0 9-17 * * 1-5", "montags bis freitags zur Minute 0 der Stunden 9 bis 17"),
        ("* 2 * * *", "jeden Tag jede Minute der Stunde 2"),
        ("0 0 * * 0,6", "samstags und sonntags um 00:00 Uhr"),
        ("0 0 L * *", "am letzten Tag des Monats um 00:00 Uhr"),
        ("0 0 1,15,L * *", "am 1., 15. und am letzten Tag des Monats um 00:00 Uhr"),
        ("0 0 1-5,9,20-25,28 * *", "vom 1. bis 5., am 9., vom 20. bis 25. und am 28. des Monats um 00:00 Uhr"),
        ("0 0 * * FRI#3", "am dritten Freitag des Monats um 00:00 Uhr"),
        ("0 0 * * 5L", "am letzten Freitag des Monats um 00:00 Uhr"),
        ("0 0 13 * 5", "um 00:00 Uhr am 13. des Monats oder freitags"),
        ("0 0 */10 * 1", "um 00:00 Uhr montags, aber nur am 1., 11., 21. und 31. des Monats"),
        ("0 0 1 1 *", "im Januar am 1. des Monats um 00:00 Uhr"),
        ("0,30 6,18 * 6,7 *", "im Juni und Juli um 06:00, 06:30, 18:00 und 18:30 Uhr"),
    ],
)
def test_an_expression_is_described_in_german(expression: str, description: str) -> None:
    assert describe_cron(parse_cron(expression), BERLIN, "de") == f"{description}, Europe/Berlin"


@pytest.mark.parametrize(
    ("language", "every_minute"),
    [("de", "jede Minute"), ("de-AT", "jede Minute"), ("en-GB", "every minute"), ("fr", "every minute")],
)
def test_a_language_without_words_is_described_in_english(language: str, every_minute: str) -> None:
    assert describe_cron(parse_cron("* * * * *"), BERLIN, language) == f"{every_minute}, Europe/Berlin"


@pytest.mark.parametrize(
    ("interval", "english", "german"),
    [
        (timedelta(minutes=1), "every 1 minute", "jede Minute"),
        (timedelta(hours=2), "every 2 hours", "alle 2 Stunden"),
        (timedelta(days=1), "every 1 day", "jeden Tag"),
        (timedelta(hours=1, minutes=30), "every 1 hour 30 minutes", "alle 1 Stunde 30 Minuten"),
        (timedelta(days=2, seconds=5), "every 2 days 5 seconds", "alle 2 Tage 5 Sekunden"),
    ],
)
def test_an_interval_is_described(interval: timedelta, english: str, german: str) -> None:
    assert (describe_interval(interval), describe_interval(interval, "de")) == (english, german)


def test_clock_changes_are_noted_in_german() -> None:
    assert clock_change_notes(parse_cron("30 2 * * *"), BERLIN, NEW_YEAR, "de") == [
        "2027-03-28: 02:30 entfällt, weil die Uhren vorgestellt werden; ein Lauf beginnt um 2027-03-28T03:00+02:00",
        "2027-10-31: 02:30 kommt zweimal vor, weil die Uhren zurückgestellt werden; "
        "nur beim ersten Mal beginnt ein Lauf",
    ]
    assert clock_change_notes(parse_cron("*/10 2 * * *"), BERLIN, NEW_YEAR, "de") == [
        "2027-03-28: 02:00 bis 02:50 entfallen, weil die Uhren vorgestellt werden; dann läuft nichts",
        "2027-10-31: 02:00 bis 02:50 kommen zweimal vor, weil die Uhren zurückgestellt werden; "
        "beide Male beginnt ein Lauf",
    ]


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
