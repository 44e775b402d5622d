"""Descriptions agree with the times at which a schedule fires, and messages say what to write instead."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from heidi_services.scheduler.cron.description import ORDINALS, WEEKDAYS, describe_cron
from heidi_services.scheduler.cron.fields import CronError
from heidi_services.scheduler.cron.occurrences import occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron
from tests.scheduler.conftest import body

DAYS = ["*", "*/1", "1-31", "1-31/1", "13", "1-7", "L", "5,L", "*/9", "2-30/4", "1-30,L", "1,2,3-31"]
WEEK = ["*", "*/1", "0-6", "0-7", "SUN-SAT", "1-7", "MON", "MON-FRI", "6,0", "5#2", "5L", "*/3", "MON,5#1", "0,1-6"]
START = datetime(2027, 2, 1, tzinfo=UTC)


def _matches_dates(text: str, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    if "the last day" in text and day.day == last:
        return True
    numbers = re.findall(r"(\d+)(?: to (\d+))?", text)
    return any(int(first) <= day.day <= int(end or first) for first, end in numbers)


def _matches_week(text: str, day: date) -> bool:
    name, last = WEEKDAYS[day.isoweekday() % 7], monthrange(day.year, day.month)[1]
    if "Monday to Friday" in text and day.isoweekday() <= 5:
        return True
    nth, is_last = ORDINALS[(day.day - 1) // 7], day.day + 7 > last
    return f"{name}s" in text or f"the {nth} {name}" in text or (is_last and f"the last {name}" in text)


def described(text: str, day: date) -> bool:
    """Whether a day is one of those that a description names: `at 12:34 [on ...], UTC`."""
    days = re.fullmatch(r"at 12:34(?: every day| on (.*))?, UTC", text)
    assert days, text
    if days[1] is None:
        return True
    parts = re.split(r" (or on|if on) ", days[1])

    def matches(part: str) -> bool:
        return _matches_dates(part, day) if re.search(r"\d|last day", part) else _matches_week(part, day)

    results = [matches(part) for part in parts[::2]]
    return any(results) if "or on" in parts else all(results)


@pytest.mark.parametrize(("days", "week"), list(product(DAYS, WEEK)))
def test_a_description_names_the_days_on_which_the_schedule_fires(days: str, week: str) -> None:
    cron, zone = parse_cron(f"34 12 {days} * {week}"), ZoneInfo("UTC")
    text = describe_cron(cron, zone)
    fired = {at.date() for at in islice(occurrences_after(cron, zone, START), 150)}
    end = max(fired)
    expected = {
        day for n in range((end - START.date()).days + 1) if described(text, day := START.date() + timedelta(days=n))
    }
    assert fired == expected, text


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
