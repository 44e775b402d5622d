"""Time zones of the IANA database."""

from functools import cache
from zoneinfo import available_timezones

from marshmallow import ValidationError

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
