"""What is refused when a schedule is saved, and in which words."""

import pytest

from heidi_services.scheduler import cron


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("60 * * * *", "minute 60 is out of range 0-59"),
        ("* 24 * * *", "hour 24 is out of range 0-23"),
        ("* * 0 * *", "day of month 0 is out of range 1-31"),
        ("* * * 13 *", "month 13 is out of range 1-12"),
        ("* * * * 8", "day of week 8 is out of range 0-7"),
        ("*/0 * * * *", "minute: '/0' is not a step"),
        ("*/x * * * *", "minute: '/X' is not a step"),
        ("5-1 * * * *", "minute: the range '5-1' runs backwards"),
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
        ("0 0 ? * *", "day of month: '?' is not understood"),
        ("0 0 15W * *", "day of month: '15W' is not understood"),
        ("0 0 L-3 * *", "day of month: 'L' is not understood"),
        ("0 0 * * L", "day of week: 'L' is not understood"),
        ("0 0 * * 5#6", "day of week: '#6' must be #1 to #5"),
        ("0 0 * * 5#", "day of week: '#' must be #1 to #5"),
        ("0 0 * * 1-5#2", "day of week: '1-5' is not understood"),
        ("0 0 * JANUARY *", "month: 'JANUARY' is not understood"),
        ("JAN * * * *", "minute: 'JAN' is not understood"),
        ("", "five fields are needed"),
        ("* * * *", "five fields are needed (minute hour day month weekday), 4 found"),
        ("0 * * * * *", "five fields are needed (minute hour day month weekday), 6 found"),
        ("* * * *\n*", "five fields are needed"),
        ("@reboot", "'@reboot' is not known"),
        ("@every 5m", "'@every 5m' is not known"),
        ("0 0 30 2 *", "no date ever matches"),
        ("0 0 31 4,6,9,11 *", "no date ever matches"),
        ("0 0 */30 2 FRI#5", "no date ever matches"),
        ("١ * * * *", "ASCII"),
        ("1\N{NO-BREAK SPACE}* * * *", "ASCII"),
        (f"{'1,' * 60}1 * * * *", "at most 120"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(expression: str, words: str) -> None:
    with pytest.raises(cron.CronError) as refusal:
        cron.parse(expression)
    assert words in str(refusal.value)


@pytest.mark.parametrize("expression", ["  0  0 * * *\t", "00 007 * * *", "*/90 * * * *"])
def test_what_debian_reads_is_read(expression: str) -> None:
    assert cron.parse(expression).minutes == (0,)


@pytest.mark.parametrize("name", ["Europe/Bern", "", "../etc/passwd", "europe/berlin", "Factory"])
def test_what_is_not_an_iana_zone_is_refused(name: str) -> None:
    with pytest.raises(cron.ZoneError):
        cron.zone(name)
