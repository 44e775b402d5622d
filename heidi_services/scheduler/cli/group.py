"""The group `flask schedules`, and what its commands share."""

from uuid import UUID

from flask.cli import AppGroup

commands = AppGroup("schedules")

OPERATOR = UUID(int=0)
"""The actor in the audit trail for commands that are run in a terminal."""
