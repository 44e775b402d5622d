"""Receipts in any order and number lead to the same status."""

from hypothesis import given
from hypothesis import strategies as st

from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.service.status_transitions import TIMED_OUT, State, advance

_RECEIPTS: list[State] = [
    (NotificationStatus.SENT, None),
    (NotificationStatus.DELIVERED, None),
    (NotificationStatus.READ, None),
    (NotificationStatus.FAILED, TIMED_OUT),
    (NotificationStatus.FAILED, "bounced"),
]
receipts = st.lists(st.sampled_from(_RECEIPTS), max_size=8)


def _end(start: State, arriving: list[State]) -> State:
    for receipt in arriving:
        start = advance(start, receipt)
    return start


@given(receipts, st.randoms())
def test_receipts_in_any_order_lead_to_the_same_status(arriving: list[State], random: object) -> None:
    shuffled = list(arriving)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _end((NotificationStatus.PENDING, None), arriving) == _end((NotificationStatus.PENDING, None), shuffled)


@given(receipts)
def test_repeated_receipts_change_nothing(arriving: list[State]) -> None:
    once = _end((NotificationStatus.PENDING, None), arriving)
    assert _end(once, arriving) == once


@given(receipts)
def test_a_read_notification_stays_read(arriving: list[State]) -> None:
    assert _end((NotificationStatus.READ, None), arriving)[0] is NotificationStatus.READ


@given(receipts)
def test_a_cancelled_notification_ignores_receipts(arriving: list[State]) -> None:
    assert _end((NotificationStatus.CANCELLED, None), arriving)[0] is NotificationStatus.CANCELLED


def test_a_bounce_after_the_acceptance_is_a_failure() -> None:
    assert advance((NotificationStatus.DELIVERED, None), (NotificationStatus.FAILED, "bounced")) == (
        NotificationStatus.FAILED,
        "bounced",
    )


def test_a_late_delivery_receipt_corrects_a_timeout_but_not_a_bounce() -> None:
    delivered: State = (NotificationStatus.DELIVERED, None)
    assert advance((NotificationStatus.FAILED, TIMED_OUT), delivered) == delivered
    assert advance((NotificationStatus.FAILED, "bounced"), delivered) == (NotificationStatus.FAILED, "bounced")
