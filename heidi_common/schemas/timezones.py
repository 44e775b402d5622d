"""The time zones of the IANA database."""

from functools import cache
from zoneinfo import available_timezones

from marshmallow import ValidationError

NOT_PLACES = {"Factory", "localtime"}
"""Files of the database that name no zone: what they mean differs from machine to machine."""


@cache
def names() -> frozenset[str]:
    """Read once: it is a walk through some hundred files."""
    return frozenset(available_timezones() - NOT_PLACES)


def is_known(name: str | None) -> None:
    """For schemas: refuse what is no time zone; None is left to them."""
    if name is not None and name not in names():
        raise ValidationError("This is not a time zone of the IANA database.")
