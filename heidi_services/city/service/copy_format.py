"""The text format of PostgreSQL's COPY, for rows of an import.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from uuid_utils import uuid7

from heidi_services.city.import_record import CityRecord


def copy_line(record: CityRecord, city_id: UUID | None = None) -> str:
    """Format a city as a line for COPY into the table `incoming`, with a new ID.

    Args:
        record: The city.
        city_id: The new ID, if the caller needs to know it.
    """
    names = _array(record.other_names), _array(record.index_names)
    return copy_row((str(city_id or uuid7()), *record[:10], *names, record.kind, "t" if record.has_id else "f"))


def copy_row(values: Iterable[str | float | None]) -> str:
    """Format the values of a row as a line for COPY."""
    return "\t".join(r"\N" if value is None else _escape(str(value)) for value in values) + "\n"


def _array(words: list[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
    return "{" + ",".join(f'"{word}"' for word in quoted) + "}"


def _escape(value: str) -> str:
    if "\\" in value or "\t" in value or "\n" in value or "\r" in value:
        return value.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
    return value
