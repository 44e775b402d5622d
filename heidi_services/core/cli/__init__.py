"""`flask events`: the event log, its dead letters and replays."""

from heidi_services.core.cli import log, replays  # noqa: F401  importing registers the commands
from heidi_services.core.cli.group import events

groups = (events,)
