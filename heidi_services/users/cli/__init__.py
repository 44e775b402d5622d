"""`flask users ...`"""

from heidi_services.users.cli import accounts, import_export, queries  # noqa: F401  they add their commands
from heidi_services.users.cli.group import users

groups = (users,)
