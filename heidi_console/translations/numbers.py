"""Numbers in the language of the user."""

from __future__ import annotations

from babel.numbers import format_decimal

from heidi_console.translations import current_locale


def number(value: float | None) -> str:
    """A number with separators: `3,426,354`; empty if there is none."""
    return "" if value is None else format_decimal(value, locale=current_locale())


def kilometers(value: float) -> str:
    """A distance: `4.2 km`, from 100 km on without decimals."""
    rounded = round(value, 1) if value < 100 else round(value)
    return f"{format_decimal(rounded, locale=current_locale())} km"


def size(value: int) -> str:
    """A number of bytes in the unit that fits: `3.4 MiB`."""
    amount, unit = float(value), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    rounded = round(amount, 1) if amount < 10 and unit != "B" else round(amount)
    return f"{format_decimal(rounded, locale=current_locale())} {unit}"
