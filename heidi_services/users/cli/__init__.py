"""The `flask users` commands."""

from heidi_services.users.cli.group import users

groups = (users,)
