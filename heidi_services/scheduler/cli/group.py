"""The group `flask schedules`, and what its commands share."""

from uuid import UUID

from heidi_common.cli.lazy_command import LazyGroup

commands = LazyGroup(
    "schedules",
    "heidi_services.scheduler.cli",
    {
        "runs": ("runs",),
        "schedules": ("list", "show", "run", "enable", "disable", "preview", "recompute"),
        "selections": ("pause", "resume"),
    },
)

OPERATOR = UUID(int=0)
"""The actor in the audit trail for commands that are run in a terminal."""
