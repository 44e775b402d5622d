"""The columns that public responses contain, cast to text where JSON needs text.

The casts avoid an intermediate object per value, which would cost more than the rest of a fast read.
"""

from typing import Any

from sqlalchemy import ColumnElement, literal_column

_ISO = """'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"""
_EXPRESSIONS = {
    "id": "CAST(id AS text)",
    "name": "name",
    "country": "country",
    "state": "state",
    "latitude": "latitude",
    "longitude": "longitude",
    "population": "population",
    "timezone": "timezone",
    "kind": "kind",
    "metadata": "CAST(metadata AS text)",
    "is_active": "is_active",
    "created": f"to_char(created_at, {_ISO})",
    "updated": f"to_char(updated_at, {_ISO})",
    "version": "version",
}

COLUMNS = ", ".join(f"{expression} AS {name}" for name, expression in _EXPRESSIONS.items()).replace(":", r"\:")
"""For `text()`, where an unescaped colon begins a parameter."""
SELECT_COLUMNS: list[ColumnElement[Any]] = [
    literal_column(expression).label(name) for name, expression in _EXPRESSIONS.items()
]
"""For `select()`."""
