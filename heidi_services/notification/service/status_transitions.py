"""The state machine of receipts. A status only moves forward, so the order and number of receipts does not matter."""

from heidi_services.notification.enums import NotificationStatus

TIMED_OUT = "timeout"
"""The failure reason that a late receipt may correct: no provider confirmed the message, but none rejected it."""

_RANK = {
    NotificationStatus.PENDING: 0,
    NotificationStatus.SENT: 1,
    NotificationStatus.DELIVERED: 3,
    NotificationStatus.READ: 5,
}
_RANK_TIMED_OUT, _RANK_FAILED = 2, 4

State = tuple[NotificationStatus, str | None]
"""A status and, if it is FAILED, the failure reason."""


def advance(current: State, receipt: State) -> State:
    """Return the state after a receipt: the one with the higher rank.

    A failure outranks DELIVERED, because a bounce may follow the acceptance, but not READ. Every receipt but SENT
    outranks a failure by timeout. A CANCELLED notification ignores receipts, because nothing was sent.
    """
    if current[0] is NotificationStatus.CANCELLED:
        return current
    return receipt if _rank(receipt) > _rank(current) else current


def _rank(state: State) -> int:
    status, reason = state
    if status is NotificationStatus.FAILED:
        return _RANK_TIMED_OUT if reason == TIMED_OUT else _RANK_FAILED
    return _RANK[status]
