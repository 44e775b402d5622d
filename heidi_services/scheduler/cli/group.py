"""The group `flask schedules`, and what its commands share."""

from types import ModuleType
from uuid import UUID

from heidi_common.cli.lazy_command import LazyGroup


def _runs() -> ModuleType:
    from heidi_services.scheduler.cli import runs

    return runs


def _schedules() -> ModuleType:
    from heidi_services.scheduler.cli import schedules

    return schedules


def _selections() -> ModuleType:
    from heidi_services.scheduler.cli import selections

    return selections


commands = LazyGroup(
    "schedules",
    {
        _runs: ("runs",),
        _schedules: ("list", "show", "run", "enable", "disable", "preview", "recompute"),
        _selections: ("pause", "resume"),
    },
)

OPERATOR = UUID(int=0)
"""The actor in the audit trail for commands that are run in a terminal."""
