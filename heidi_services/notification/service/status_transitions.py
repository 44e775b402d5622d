"""The five statuses only move forward: receipts may come twice and in any order and end in the same state."""

from heidi_services.notification.enums import Status

TIMED_OUT = "timeout"
"""The failure reason that a late receipt may correct: nobody refused the message, there was only silence."""

_RANK = {Status.PENDING: 0, Status.SENT: 1, Status.DELIVERED: 3, Status.READ: 5}
_RANK_TIMED_OUT, _RANK_FAILED = 2, 4

State = tuple[Status, str | None]
"""A status and, where it is FAILED, the reason."""


def advance(current: State, receipt: State) -> State:
    """The state after a receipt: the further of the two.

    A failure beats DELIVERED (a bounce may follow the acceptance) and never READ; silence (`timeout`) yields
    to any sign of life. CANCELLED takes no receipts, because nothing was sent.
    """
    if current[0] is Status.CANCELLED:
        return current
    return receipt if _rank(receipt) > _rank(current) else current


def _rank(state: State) -> int:
    status, reason = state
    if status is Status.FAILED:
        return _RANK_TIMED_OUT if reason == TIMED_OUT else _RANK_FAILED
    return _RANK[status]
