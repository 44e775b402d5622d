"""What core can carry out over several services: one file and one line for each kind."""

from heidi_services.core.operations.base import Kind, Later, Order, Refused, Step
from heidi_services.core.operations.broadcast import BROADCAST
from heidi_services.core.operations.offboard_user import OFFBOARD_USER
from heidi_services.core.operations.onboard_user import ONBOARD_USER

KINDS: dict[str, Kind] = {
    "onboard-user": ONBOARD_USER,
    "offboard-user": OFFBOARD_USER,
    "broadcast": BROADCAST,
}

__all__ = ["KINDS", "Kind", "Later", "Order", "Refused", "Step"]
