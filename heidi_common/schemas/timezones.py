"""Time zones of the IANA database, with the rules of the package `tzdata` (see `heidi_common/__init__.py`)."""

import zoneinfo
from functools import cache
from zoneinfo import available_timezones

import tzdata
from marshmallow import ValidationError

RULES_VERSION: str = tzdata.IANA_VERSION
"""The release of the IANA database, such as `2026f`. Later releases compare greater."""

NOT_ZONES = {"Factory", "localtime"}
"""Files of the database that are not zones: their meaning depends on the machine."""


@cache
def timezone_names() -> frozenset[str]:
    """The names of all time zones. They are cached, since reading them means opening hundreds of files."""
    return frozenset(available_timezones() - NOT_ZONES)


def validate_timezone(name: str | None) -> None:
    """Reject an unknown time zone (a validator of schemas). None is accepted.

    Raises:
        ValidationError: The database has no such zone. Names are case-sensitive.
    """
    if name is not None and name not in timezone_names():
        raise ValidationError("Must be a time zone of the IANA database, such as `Europe/Berlin`.")


def uses_pinned_rules() -> bool:
    """Whether the rules come from the package alone, and not from the operating system."""
    return not zoneinfo.TZPATH
