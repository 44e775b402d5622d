"""Occurrences compared with the naive oracle: random expressions, around clock changes of many kinds."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from heidi_services.scheduler.cron.description import describe_cron
from heidi_services.scheduler.cron.fields import CronError
from heidi_services.scheduler.cron.occurrences import next_occurrence, occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron
from tests.scheduler import oracle

# Days around a clock change, if the zone has any. New York repeats 01:00, Lord Howe half an
# hour, Troll two hours, Havana midnight itself; Kathmandu is 5:45 ahead all year.
CHANGES = {
    "Europe/Berlin": ((2027, 3, 28), (2027, 10, 31)),
    "America/New_York": ((2026, 3, 8), (2026, 11, 1)),
    "Australia/Lord_Howe": ((2027, 4, 3), (2027, 10, 2)),
    "Antarctica/Troll": ((2027, 3, 28), (2027, 10, 31)),
    "America/Havana": ((2027, 3, 14), (2027, 11, 7)),
    "America/St_Johns": ((2009, 3, 8), (2009, 11, 1)),
    "Pacific/Apia": ((2011, 12, 30), (2012, 4, 1)),
    "Asia/Kathmandu": ((2027, 3, 28), (2027, 2, 28)),
    "UTC": ((2028, 2, 29), (2026, 12, 31)),
}
ZoneAndDay = tuple[str, tuple[int, int, int]]
zones_and_days = st.sampled_from([(zone, change) for zone, changes in CHANGES.items() for change in changes])


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    base = st.one_of(number.map(str), span, st.just("*"))
    stepped = st.tuples(base, st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.one_of(
        st.just("*"), base, stepped, st.lists(st.one_of(base, stepped), min_size=2, max_size=3).map(",".join)
    )


weekday_extras = st.sampled_from(["5L", "0L", "7L", "FRI#3", "SUN#1", "0#5", "MON", "1,SUN#2"])
expressions = st.tuples(
    field(0, 59),
    st.one_of(field(0, 23), st.sampled_from(["2", "1", "0", "1-3", "23,0"])),
    st.one_of(st.just("*"), st.just("*"), field(1, 31), st.sampled_from(["L", "15,L"])),
    st.one_of(st.just("*"), st.just("*"), field(1, 12), st.sampled_from(["MAR", "OCT-NOV"])),
    st.one_of(st.just("*"), st.just("*"), field(0, 7), weekday_extras),
).map(" ".join)


@settings(max_examples=120, deadline=None)
@given(expressions, zones_and_days)
@example("30 2 * * *", ("Europe/Berlin", (2027, 3, 28)))
@example("30 1 * * *", ("America/New_York", (2026, 11, 1)))
@example("0 0 * * *", ("America/Havana", (2027, 3, 14)))
@example("30 23,0 * * *", ("America/St_Johns", (2009, 11, 1)))
def test_the_occurrences_are_those_of_the_oracle(expression: str, zone_and_day: ZoneAndDay) -> None:
    name, day = zone_and_day
    zone = ZoneInfo(name)
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=20)
    end = start + timedelta(hours=48)
    try:
        parsed = parse_cron(expression)
    except CronError as error:
        assert "no date matches" in str(error)
        assert oracle.expected_occurrences(expression, zone, start, end) == []
        return
    actual = list(takewhile(lambda slot: slot <= end, occurrences_after(parsed, zone, start)))
    assert actual == oracle.expected_occurrences(expression, zone, start, end)


@settings(max_examples=200, deadline=None)
@given(expressions, zones_and_days, st.data())
def test_the_next_occurrence_is_the_same_from_any_instant_between_two(
    expression: str, zone_and_day: ZoneAndDay, data: st.DataObject
) -> None:
    name, day = zone_and_day
    zone = ZoneInfo(name)
    try:
        parsed = parse_cron(expression)
    except CronError:
        return
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=data.draw(st.integers(0, 30)))
    slot = next_occurrence(parsed, zone, start)
    following = next_occurrence(parsed, zone, slot) if slot else None
    if slot is None or following is None:
        return
    assert start < slot < following
    within = (following - slot) // timedelta(microseconds=1) - 1
    between = slot + timedelta(microseconds=data.draw(st.integers(0, within)))
    assert next_occurrence(parsed, zone, between) == following


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789*/,-#L @JANSUhourly\t", max_size=30))
def test_any_text_is_either_parsed_or_rejected_with_a_message(text: str) -> None:
    try:
        parsed = parse_cron(text)
    except CronError as error:
        assert str(error)
    else:
        assert describe_cron(parsed, ZoneInfo("UTC"))
