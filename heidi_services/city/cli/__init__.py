"""The `flask cities` commands."""

from heidi_services.city.cli.group import cities

groups = (cities,)
