"""`flask users ...`"""

from heidi_services.users.cli import administration, listing, transfer  # noqa: F401  they add their commands
from heidi_services.users.cli.group import users

groups = (users,)
