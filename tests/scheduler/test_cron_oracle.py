"""The evaluator against a naive second opinion, on random expressions in odd places."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from heidi_services.scheduler import cron
from tests.scheduler import oracle

# Around a change of the clocks, where there is one; New York repeats 01:00, Lord Howe half an
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
places = st.sampled_from([(zone, change) for zone, changes in CHANGES.items() for change in changes])


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
@given(expressions, places)
@example("30 2 * * *", ("Europe/Berlin", (2027, 3, 28)))
@example("30 1 * * *", ("America/New_York", (2026, 11, 1)))
@example("0 0 * * *", ("America/Havana", (2027, 3, 14)))
@example("30 23,0 * * *", ("America/St_Johns", (2009, 11, 1)))
def test_every_slot_is_the_oracles(expression: str, place: tuple[str, tuple[int, int, int]]) -> None:
    name, day = place
    zone = ZoneInfo(name)
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=20)
    end = start + timedelta(hours=48)
    try:
        parsed = cron.parse(expression)
    except cron.CronError as refusal:
        assert "no date ever matches" in str(refusal)
        assert oracle.fires(expression, zone, start, end) == []
        return
    found = list(takewhile(lambda slot: slot <= end, cron.slots(parsed, zone, start)))
    assert found == oracle.fires(expression, zone, start, end)


@settings(max_examples=200, deadline=None)
@given(expressions, places, st.data())
def test_between_a_slot_and_the_next_the_answer_is_the_same_next(
    expression: str, place: tuple[str, tuple[int, int, int]], data: st.DataObject
) -> None:
    name, day = place
    zone = ZoneInfo(name)
    try:
        parsed = cron.parse(expression)
    except cron.CronError:
        return
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=data.draw(st.integers(0, 30)))
    slot = cron.next_after(parsed, zone, start)
    following = cron.next_after(parsed, zone, slot) if slot else None
    if slot is None or following is None:
        return
    assert start < slot < following
    within = (following - slot) // timedelta(microseconds=1) - 1
    moment = slot + timedelta(microseconds=data.draw(st.integers(0, within)))
    assert cron.next_after(parsed, zone, moment) == following


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789*/,-#L @JANSUhourly\t", max_size=30))
def test_any_text_is_either_read_or_refused_in_words(text: str) -> None:
    try:
        parsed = cron.parse(text)
    except cron.CronError as refusal:
        assert str(refusal)
    else:
        assert cron.describe(parsed, ZoneInfo("UTC"))
