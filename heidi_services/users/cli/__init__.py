"""The `flask users` commands."""

from heidi_services.users.cli import accounts, import_export, queries, support  # noqa: F401  importing registers the commands
from heidi_services.users.cli.group import users

groups = (users,)
