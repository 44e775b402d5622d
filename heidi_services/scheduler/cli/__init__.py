"""The `flask schedules` commands."""

from heidi_services.scheduler.cli.group import commands

groups = (commands,)
