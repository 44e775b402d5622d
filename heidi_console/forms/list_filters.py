"""Filters of lists as people type them: an e-mail address for a user, a local time for a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from heidi_console.forms.recipients import UnknownRecipients, resolve_user
from heidi_console.translations import translate
from heidi_console.translations.times import to_api


class InvalidFilter(ValueError):
    """A filter cannot be used. The text says why."""


def api_filters(
    chosen: Mapping[str, str], *, users: tuple[str, ...] = (), times: tuple[str, ...] = ()
) -> dict[str, str]:
    """The filters as the API expects them.

    Args:
        chosen: Name -> what was typed.
        users: The names of those that select a user, by ID or e-mail address.
        times: The names of those that are times, in the zone of the user or as the API writes them.

    Raises:
        InvalidFilter: The user does not exist, or a text is not a time.
    """
    values = dict(chosen)
    values |= {name: _user_id(chosen[name]) for name in users if "@" in chosen.get(name, "")}
    return values | {name: _time(chosen[name]) for name in times if name in chosen}


def _user_id(address: str) -> str:
    try:
        return resolve_user(address)
    except UnknownRecipients as error:
        raise InvalidFilter(str(error)) from None


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise InvalidFilter(translate("Enter a date and a time, such as 2026-01-31 14:30.")) from None
    return text if time.tzinfo else to_api(time)
