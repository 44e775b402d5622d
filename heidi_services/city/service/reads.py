"""Reading for the public routes: one statement, one round trip, plain rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, TextClause

from heidi_common.db import reading

COLUMNS = (
    "id, name, country, state, latitude, longitude, population, timezone, metadata, is_active,"
    " created_at, updated_at, version"
)


def rows(statement: TextClause, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """All rows of one statement."""
    with reading() as connection:
        return connection.execute(statement, values).all()
