"""Descriptions agree with the times at which a schedule fires, and messages say what to write instead."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from heidi_services.scheduler.cron.description import describe_cron
from heidi_services.scheduler.cron.fields import CronError
from heidi_services.scheduler.cron.occurrences import occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.wording import english, german
from tests.scheduler.conftest import body

DAYS = ["*", "*/1", "1-31", "1-31/1", "13", "1-7", "L", "5,L", "*/9", "2-30/4", "1-30,L", "1,2,3-31"]
WEEK = ["*", "*/1", "0-6", "0-7", "SUN-SAT", "1-7", "MON", "MON-FRI", "6,0", "5#2", "5L", "*/3", "MON,5#1", "0,1-6"]
START = datetime(2027, 2, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Language:
    """How a language names days.

    Attributes:
        sentence: The whole description; the first group that matches has the days, none that all days match.
        combined: What stands between days of the month and of the week.
        either: That of `combined` which means that one of both is sufficient.
        date_range: A number or a range of numbers.
        last_day: The last day of the month.
        monday_to_friday: The days from Monday to Friday.
        weekly: A day of the week.
        nth: A day of the week with its number in the month, or with `last`.
        last: The word for the last one.
    """

    tag: str
    words: ModuleType
    sentence: str
    combined: str
    either: str
    date_range: str
    last_day: str
    monday_to_friday: str
    weekly: Callable[[str], str]
    nth: Callable[[str, str], str]
    last: str


ENGLISH = Language(
    tag="en",
    words=english,
    sentence=r"at 12:34(?: every day| on (.*))?, UTC",
    combined=r" (?:or on|if on) ",
    either=" or on ",
    date_range=r"(\d+)(?: to (\d+))?",
    last_day="the last day",
    monday_to_friday="Monday to Friday",
    weekly=lambda name: f"{name}s",
    nth=lambda number, name: f"the {number} {name}",
    last="last",
)
GERMAN = Language(
    tag="de",
    words=german,
    sentence=r"(?:jeden Tag |(?!um)(.*) )?um 12:34 Uhr(?: (.*))?, UTC",
    combined=r" oder |, aber nur ",
    either=" oder ",
    date_range=r"(\d+)\.(?: bis (\d+)\.)?",
    last_day="am letzten Tag",
    monday_to_friday="montags bis freitags",
    weekly=lambda name: f"{name.lower()}s",
    nth=lambda number, name: f"am {number} {name}",
    last="letzten",
)


def _matches_dates(text: str, day: date, language: Language) -> bool:
    last = monthrange(day.year, day.month)[1]
    if language.last_day in text and day.day == last:
        return True
    numbers = re.findall(language.date_range, text)
    return any(int(first) <= day.day <= int(end or first) for first, end in numbers)


def _matches_week(text: str, day: date, language: Language) -> bool:
    name, last = language.words.WEEKDAYS[day.isoweekday() % 7], monthrange(day.year, day.month)[1]
    if language.monday_to_friday in text and day.isoweekday() <= 5:
        return True
    names = [language.weekly(name), language.nth(language.words.ORDINALS[(day.day - 1) // 7], name)]
    return any(phrase in text for phrase in names + ([language.nth(language.last, name)] if day.day + 7 > last else []))


def described(text: str, day: date, language: Language) -> bool:
    """Whether a day is one of those that a description names."""
    sentence = re.fullmatch(language.sentence, text)
    assert sentence, text
    days = next(filter(None, sentence.groups()), None)
    if days is None:
        return True

    def matches(part: str) -> bool:
        is_date = re.search(r"\d|" + language.last_day, part)
        return _matches_dates(part, day, language) if is_date else _matches_week(part, day, language)

    results = [matches(part) for part in re.split(language.combined, days)]
    return any(results) if language.either in days else all(results)


@pytest.mark.parametrize(("days", "week"), list(product(DAYS, WEEK)))
def test_a_description_names_the_days_on_which_the_schedule_fires(days: str, week: str) -> None:
    cron, zone = parse_cron(f"34 12 {days} * {week}"), ZoneInfo("UTC")
    fired = {at.date() for at in islice(occurrences_after(cron, zone, START), 150)}
    all_days = [START.date() + timedelta(days=n) for n in range((max(fired) - START.date()).days + 1)]
    for language in (ENGLISH, GERMAN):
        text = describe_cron(cron, zone, language.tag)
        assert fired == {day for day in all_days if described(text, day, language)}, text


@pytest.mark.parametrize(
    ("expression", "advice"),
    [
        ("0 9 * * SAT-SUN", "write 'SAT,SUN'"),
        ("0 9 * * FRI-MON", "write 'FRI-SAT,SUN-MON'"),
        ("0 9 * * 5-1", "write '5-6,0-1'"),
        ("0 22-3 * * *", "write '22-23,0-3'"),
        ("50-10 * * * *", "write '50-59,0-10'"),
        ("0 0 1 DEC-FEB *", "write 'DEC,JAN-FEB'"),
        ("0 0 1 11-1 *", "write '11-12,1'"),
        ("0 0 31-2 * *", "write '31,1-2'"),
    ],
)
def test_the_advice_for_a_backward_range_is_a_valid_expression(expression: str, advice: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(expression)
    assert advice in str(error.value)
    wrong = re.search(r"the range '(.+?)'", str(error.value))
    assert wrong
    parse_cron(expression.replace(wrong[1], advice.removeprefix("write ").strip("'")))


@pytest.mark.parametrize(
    ("expression", "advice"),
    [
        ("0 0 L-3 * *", "L is the last day"),
        ("0 0 1,L-10 * *", "L is the last day"),
        ("0 0 25-L * *", "L is the last day"),
        ("0 0 ? * MON", "written `*`"),
        ("0 0 15W * *", "working day"),
        ("H 4 * * *", "jitterSeconds"),
        (",".join(map(str, range(60))) + " * * * *", "ranges (1-5) and steps (*/5)"),
    ],
)
def test_messages_say_what_to_write_instead(expression: str, advice: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(expression)
    assert advice in str(error.value)


@pytest.mark.parametrize("length", [121, 1001, 9000])
def test_a_long_expression_is_rejected_with_the_way_to_shorten_it(
    client: FlaskClient, admin: dict[str, str], length: int
) -> None:
    expression = ("0," * length)[: length - 8] + "0 * * * *"[-8:]
    response = client.post("/api/v1/schedules", json=body(cronExpression=expression), headers=admin)
    assert response.status_code == 422
    assert "create several schedules" in response.text


@pytest.mark.parametrize("payload", [{"jitterSeconds": 3600}, {"jitterSeconds": 1800, "overlapPolicy": "ALLOW"}])
def test_a_run_by_hand_is_due_at_once(client: FlaskClient, admin: dict[str, str], payload: dict[str, object]) -> None:
    schedule = client.post("/api/v1/schedules", json=body(**payload), headers=admin).json["data"]
    for _ in range(3 if "overlapPolicy" in payload else 1):
        run = client.post(f"/api/v1/schedules/{schedule['id']}/run", headers=admin).json["data"]
        assert run["status"] == "QUEUED"
    from heidi_services.scheduler.service.runs import reaper
    from tests.scheduler.conftest import runs_of

    assert all(run.next_attempt_at <= datetime.now(UTC) for run in runs_of(schedule["id"]))
    assert reaper.overdue_runs(10) == []  # the event's own message wakes the worker
