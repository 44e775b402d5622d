"""The filters of templates for dates, numbers and money, written as the recipient's language and region write them.

Source: Unicode CLDR, by Babel.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError, dates, numbers
from jinja2 import pass_context
from jinja2.runtime import Context

from heidi_common.schemas.locales import hyphenated
from heidi_services.notification.templating.values import Absent, Boolean, RenderingError, pointer_of

LOCALE_KEY = "__locale__"
"""The name under which the locale stands among the variables of a rendering."""
DEFAULT_LOCALE = "en"
_STYLES = ("short", "medium", "long", "full")
_MAX_DIGITS = 20
_MAX_EXPONENT = 30
"""Numbers beyond 10 to this power are rejected: `1e999999999` would take all memory."""

Filter = Callable[..., str]


@pass_context
def format_date(context: Context, value: object, style: str = "medium") -> str:
    """`{{ order.date | date('long') }}`: an ISO 8601 date, or the date of a time."""
    day = _instant(value).date() if "T" in str(value) or " " in str(value) else _date(value)
    return dates.format_date(day, _style(style), locale=_locale(context))


@pass_context
def format_time(context: Context, value: object, style: str = "short", zone: str | None = None) -> str:
    """`{{ order.at | time }}`: the time of day of an ISO 8601 time."""
    instant = _instant(value)
    return dates.format_time(instant, _style(style), tzinfo=_zone(zone, instant), locale=_locale(context))


@pass_context
def format_datetime(context: Context, value: object, style: str = "medium", zone: str | None = None) -> str:
    """`{{ order.at | datetime('long', 'Europe/Berlin') }}`: an ISO 8601 time; without a zone, with its own offset."""
    instant = _instant(value)
    return dates.format_datetime(instant, _style(style), tzinfo=_zone(zone, instant), locale=_locale(context))


@pass_context
def format_number(context: Context, value: object, digits: int | None = None) -> str:
    """`{{ distance | number(1) }}`: by default with up to three decimals."""
    pattern = None if digits is None else "#,##0" + _decimals(digits)
    return numbers.format_decimal(_number(value), pattern, locale=_locale(context))


@pass_context
def format_percent(context: Context, value: object, digits: int = 0) -> str:
    """`{{ 0.25 | percent }}` is 25 %."""
    locale = _locale(context)
    pattern = str(locale.percent_formats[None].pattern).replace("0", f"0{_decimals(digits)}")
    return numbers.format_percent(_number(value), pattern, locale=locale)


@pass_context
def format_money(context: Context, value: object, currency: str) -> str:
    """`{{ order.total | money('EUR') }}`: with the decimals that the currency has."""
    code = str(currency).upper()
    if not numbers.is_currency(code):
        raise RenderingError("The filter money needs an ISO 4217 code, such as EUR.", pointer_of(currency))
    return numbers.format_currency(_number(value), code, locale=_locale(context))


FORMATS: dict[str, Filter] = {
    "date": format_date,
    "datetime": format_datetime,
    "money": format_money,
    "number": format_number,
    "percent": format_percent,
    "time": format_time,
}


@lru_cache(maxsize=512)
def cldr_locale(tag: str) -> Locale:
    """Return the locale of a BCP 47 tag, or of the longest beginning of it that CLDR knows; otherwise English."""
    subtags = hyphenated(tag).split("-")
    for length in range(len(subtags), 0, -1):
        try:
            return Locale.parse("-".join(subtags[:length]), sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale(DEFAULT_LOCALE)


def _locale(context: Context) -> Locale:
    return cldr_locale(str(context.get(LOCALE_KEY) or DEFAULT_LOCALE))


def _style(style: object) -> Any:
    if style not in _STYLES:
        raise RenderingError(f"The style of a date or time must be one of {', '.join(_STYLES)}.", pointer_of(style))
    return str(style)


def _date(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise RenderingError("Must be an ISO 8601 date, such as 2026-01-31.", pointer_of(value)) from None


def _instant(value: object) -> datetime:
    """Read a time. Without an offset it is UTC; a date alone is its midnight."""
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        detail = "Must be an ISO 8601 date and time, such as 2026-01-31T12:00:00Z."
        raise RenderingError(detail, pointer_of(value)) from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _zone(name: object, instant: datetime) -> tzinfo | None:
    if name is None:
        return instant.tzinfo
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RenderingError("Must be a time zone, such as Europe/Berlin.", pointer_of(name)) from None


def _number(value: object) -> Decimal:
    """Read a number, or a string that contains one, as amounts of money often do."""
    if isinstance(value, Absent):
        str(value)  # raises MissingVariable
    try:
        number = Decimal(str(value)) if not isinstance(value, (bool, Boolean)) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT:
        raise RenderingError("Must be a number, such as 1234.5.", pointer_of(value))
    return number


def _decimals(digits: object) -> str:
    if not isinstance(digits, int) or not 0 <= digits <= _MAX_DIGITS:
        raise RenderingError(f"The number of decimals must be between 0 and {_MAX_DIGITS}.", pointer_of(digits))
    return f".{'0' * digits}" if digits else ""
