"""The operations that core runs over several services: one module and one entry for each type."""

from heidi_services.core.operations.base import OperationType
from heidi_services.core.operations.broadcast import BROADCAST
from heidi_services.core.operations.offboard_user import OFFBOARD_USER
from heidi_services.core.operations.onboard_user import ONBOARD_USER

OPERATION_TYPES: dict[str, OperationType] = {
    "onboard-user": ONBOARD_USER,
    "offboard-user": OFFBOARD_USER,
    "broadcast": BROADCAST,
}
