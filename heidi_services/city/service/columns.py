"""What the public routes read of a city: as text where JSON will be text."""

from typing import Any

from sqlalchemy import ColumnElement, literal_column

_ISO = """'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"""
_SHOWN = {
    "id": "CAST(id AS text)",
    "name": "name",
    "country": "country",
    "state": "state",
    "latitude": "latitude",
    "longitude": "longitude",
    "population": "population",
    "timezone": "timezone",
    "metadata": "CAST(metadata AS text)",
    "is_active": "is_active",
    "created": f"to_char(created_at, {_ISO})",
    "updated": f"to_char(updated_at, {_ISO})",
    "version": "version",
}
"""Objects in between would cost more than everything else."""

COLUMNS = ", ".join(f"{source} AS {name}" for name, source in _SHOWN.items()).replace(":", r"\:")
"""For `text()`, where a colon begins a parameter."""
LISTED: list[ColumnElement[Any]] = [literal_column(source).label(name) for name, source in _SHOWN.items()]
"""For `select()`."""
