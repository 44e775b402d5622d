"""Dates and times in the language and time zone of the user."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from flask import has_request_context, session

from heidi_console.translations import current_locale, translate


def user_zone() -> tzinfo:
    """The time zone of the signed-in user's account; UTC without one."""
    tokens = getattr(session, "tokens", None) if has_request_context() else None
    name = (tokens or {}).get("user", {}).get("timezone") or "UTC"
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):
        return UTC


def parse_time(text: str | None) -> datetime | None:
    """A time of the API as an aware datetime."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def exact(text: str | None) -> str:
    """A time with date, seconds and zone: `5 Jan 2026, 14:03:07 UTC`."""
    instant = parse_time(text)
    if instant is None:
        return ""
    local = instant.astimezone(user_zone())
    pattern = translate("d MMM y, HH:mm:ss")
    return f"{format_datetime(local, pattern, locale=current_locale())} {local.tzname()}"


def relative(text: str | None, now: datetime | None = None) -> str:
    """How long ago a time was, or how far ahead it is: `3 minutes ago`, `in 2 hours`."""
    instant = parse_time(text)
    if instant is None:
        return ""
    delta = instant - (now or datetime.now(UTC))
    return format_timedelta(delta, add_direction=True, locale=current_locale())


def is_ahead(text: str | None, now: datetime | None = None) -> bool:
    """Whether a time of the API is in the future."""
    instant = parse_time(text)
    return instant is not None and instant > (now or datetime.now(UTC))


def to_api(local: datetime) -> str:
    """A time that the user has typed, in the user's zone, as the API expects it."""
    return local.replace(tzinfo=user_zone()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_input(text: str | None) -> datetime | None:
    """A time of the API for an input field, in the user's zone."""
    instant = parse_time(text)
    return instant.astimezone(user_zone()).replace(tzinfo=None) if instant else None


def clock_time(text: str, step: int) -> str:
    """A time of a chart: hours and minutes, with the day if the steps are hours or longer."""
    instant = parse_time(text)
    assert instant is not None
    pattern = "HH:mm" if step < 3600 else "EEE HH:mm"
    return format_datetime(instant.astimezone(user_zone()), pattern, locale=current_locale())


def day_name(day: date) -> str:
    """A day of a calendar: `Monday, 5 Jan`."""
    return format_date(day, translate("EEEE, d MMM"), locale=current_locale())
