"""All operations by name. Code that needs `OPERATIONS` reads it at each use, so that one is added in one place."""

from __future__ import annotations

from heidi_common.identity.scopes import Scope
from heidi_common.operations import broadcast, offboard_user, onboard_user
from heidi_common.operations.base import OperationType

OPERATIONS: dict[str, OperationType] = {
    module.OPERATION.name: module.OPERATION for module in (onboard_user, offboard_user, broadcast)
}


def core_scopes() -> list[Scope]:
    """The scopes of core's own machine client, as which it runs operations."""
    return sorted(frozenset[Scope]().union(*(operation.scopes for operation in OPERATIONS.values())))
