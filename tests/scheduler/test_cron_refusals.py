"""Expressions and time zones that are rejected, and the error messages for their author."""

import pytest

from heidi_services.scheduler.cron.fields import CronError
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import TimezoneError, load_timezone


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("60 * * * *", "minute 60 is out of range 0-59"),
        ("* 24 * * *", "hour 24 is out of range 0-23"),
        ("* * 0 * *", "day of month 0 is out of range 1-31"),
        ("* * * 13 *", "month 13 is out of range 1-12"),
        ("* * * * 8", "day of week 8 is out of range 0-7"),
        ("*/0 * * * *", "minute: '/0' is not a step"),
        ("*/x * * * *", "minute: '/X' is not a step"),
        ("5-1 * * * *", "minute: the range '5-1' runs backwards; write '5-59,0-1'"),
        ("* * * * FRI-SUN", "day of week: the range 'FRI-SUN' runs backwards"),
        ("1,,2 * * * *", "minute: '' is not understood"),
        ("-1 * * * *", "minute: '' is not understood"),
        ("1- * * * *", "minute: '' is not understood"),
        ("1-2-3 * * * *", "minute: '2-3' is not understood"),
        ("*/2/2 * * * *", "is not a step"),
        ("*-5 * * * *", "minute: '*' is not understood"),
        ("+5 * * * *", "minute: '+5' is not understood"),
        ("1_0 * * * *", "minute: '1_0' is not understood"),
        ("R * * * *", "minute: 'R' is not understood"),
        ("H * * * *", "minute: 'H' is not understood"),
        (
            "0 0 ? * *",
            "day of month: '?' is not understood",
        ),
        ("0 0 15W * *", "day of month: '15W' is not understood"),
        ("0 0 L-3 * *", "day of month: 'L-3' is not supported"),
        ("0 0 * * L", "day of week: 'L' is not understood"),
        ("0 0 * * 5#6", "day of week: '#6' must be #1 to #5"),
        ("0 0 * * 5#", "day of week: '#' must be #1 to #5"),
        ("0 0 * * 1-5#2", "day of week: '1-5' is not understood"),
        ("0 0 * JANUARY *", "month: 'JANUARY' is not understood"),
        ("JAN * * * *", "minute: 'JAN' is not understood"),
        ("0 0 * * * *", "a field for seconds is not supported"),
        ("", "expected 5 fields (minute hour day-of-month month day-of-week), got 0"),
        ("* * * *", "expected 5 fields (minute hour day-of-month month day-of-week), got 4"),
        (
            "0 * * * * *",
            "expected 5 fields (minute hour day-of-month month day-of-week), got 6",
        ),
        ("* * * *\n*", "expected 5 fields"),
        ("@reboot", "'@reboot' is not a known macro; use @hourly, @daily"),
        ("@every 5m", "'@every 5m' is not a known macro"),
        ("@EVERY 1h30m", "or `every` with a duration such as PT5M"),
        ("0 0 30 2 *", "no date matches"),
        ("0 0 31 4,6,9,11 *", "no date matches"),
        ("0 0 */30 2 FRI#5", "no date matches"),
        ("١ * * * *", "ASCII"),
        ("1\N{NO-BREAK SPACE}* * * *", "ASCII"),
        (f"{'1,' * 60}1 * * * *", "maximum is 120"),
    ],
)
def test_an_invalid_expression_is_rejected_with_a_message(expression: str, message: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(expression)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("0 9h * * *", "use a number 0-23, *, a range a-b, a step */n or a list a,b"),
        ("0 0 ? * *", "use a number 1-31, *, a range a-b, a step */n or a list a,b, or L for the last day"),
        ("0 0 * JANUARY *", "use a number 1-12 (or JAN-DEC), *,"),
        ("0 0 * * L", "or 5#2 for the second and 5L for the last Friday of the month"),
    ],
)
def test_an_error_lists_what_the_field_accepts(expression: str, hint: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(expression)
    assert hint in str(error.value)


@pytest.mark.parametrize("expression", ["50-10 * * * *", "0 22-2 * * *", "0 0 * NOV-FEB *", "0 0 * * FRI-MON"])
def test_the_two_ranges_that_replace_a_backward_one_are_valid(expression: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(expression)
    backward, suggestion = str(error.value).split("'")[1::2]
    parse_cron(expression.replace(backward, suggestion))


@pytest.mark.parametrize("expression", ["  0  0 * * *\t", "00 007 * * *", "*/90 * * * *"])
def test_what_debian_accepts_is_accepted(expression: str) -> None:
    assert parse_cron(expression).minutes == (0,)


@pytest.mark.parametrize("name", ["Europe/Bern", "", "../etc/passwd", "europe/berlin", "Factory"])
def test_a_name_that_is_not_an_iana_time_zone_is_rejected(name: str) -> None:
    with pytest.raises(TimezoneError):
        load_timezone(name)
