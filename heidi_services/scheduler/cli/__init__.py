"""The `flask schedules` commands."""

from heidi_services.scheduler.cli import runs, schedules, selections  # noqa: F401  importing registers the commands
from heidi_services.scheduler.cli.group import commands

groups = (commands,)
