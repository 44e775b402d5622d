"""The `flask cities` commands."""

from heidi_services.city.cli import import_cities, queries  # noqa: F401  importing registers the commands
from heidi_services.city.cli.group import cities

groups = (cities,)
