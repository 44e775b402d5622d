"""Hot reads: statements compiled once, run by the driver, outside a transaction, in one round trip.

SQLAlchemy looks up the compiled form and sets up a result each time; for a row by its id that is four fifths of the
work in Python, and such a read is most of what a request does.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, TypeAlias

import psycopg2
from psycopg2.extras import NamedTupleCursor
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.sql import ClauseElement

from heidi_common.db import db, reading, within_time

Row: TypeAlias = Any
"""A named tuple, with the Python types that psycopg2 gives (SQLAlchemy has told it about UUIDs)."""


class Read:
    """A SELECT whose values are given by name. Columns whose SQLAlchemy type converts what it reads are not for it."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=PGDialect_psycopg2())  # type: ignore[no-untyped-call]
        self.sql = str(compiled)
        self._values = {name: value for name, value in compiled.params.items() if value is not None}

    def all(self, **values: Any) -> list[Row]:
        """Every row. Raises what SQLAlchemy raises."""
        within_time()
        values = self._values | values
        try:
            return self._by_driver(values)
        except psycopg2.Error:
            # Again by SQLAlchemy, which knows which connections a restarted database leaves dead.
            with reading() as connection:
                return list(connection.exec_driver_sql(self.sql, values).all())

    def first(self, **values: Any) -> Row | None:
        """The first row; None when there is none."""
        return next(iter(self.all(**values)), None)

    def _by_driver(self, values: dict[str, Any]) -> list[Row]:
        with closing(db.engine.raw_connection()) as pooled:
            driver: Any = pooled.driver_connection
            driver.autocommit = True
            try:
                with driver.cursor(cursor_factory=NamedTupleCursor) as cursor:
                    cursor.execute(self.sql, values)
                    return cursor.fetchall()  # type: ignore[no-any-return]
            finally:
                if not driver.closed:
                    driver.autocommit = False
