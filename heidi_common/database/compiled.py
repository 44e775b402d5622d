"""Hot statements: compiled once, run by the driver, one round trip each.

SQLAlchemy looks up the compiled form and sets up a result each time; for a row by its id that is four fifths of the
work in Python. And one statement needs no BEGIN and COMMIT of its own: alone it is a transaction.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, TypeAlias

import psycopg2
from psycopg2.extras import NamedTupleCursor
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from heidi_common.database.session import check_deadline, db
from heidi_common.database.transactions import holds_connection, in_transaction, reading

_DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]
Row: TypeAlias = Any
"""A named tuple, with the Python types that psycopg2 gives (SQLAlchemy has told it about UUIDs)."""


class CompiledStatement:
    """A statement that stands alone, or takes part in the `transaction()` around it. Values are given by name.

    Types whose values SQLAlchemy converts are not for it: JSON goes in and comes out as text. Unless it `changes`
    something, it is run again when its connection turns out to have died.
    """

    def __init__(self, statement: ClauseElement, *, changes: bool = False) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        if compiled.prefetch:
            raise ValueError(f"give these columns their values: {[column.name for column in compiled.prefetch]}")
        self.sql = str(compiled)
        self._constants = {name: bound.value for name, bound in compiled.binds.items() if not bound.required}
        self._changes = changes

    def all(self, **values: Any) -> list[Row]:
        """Every row that it returns. Raises what SQLAlchemy raises."""
        values = self._constants | values
        # A reader that has a connection already takes no second one: threads that wait for each other's end in a queue.
        if in_transaction() or (not self._changes and holds_connection()):
            return list(db.session.connection().exec_driver_sql(self.sql, values))
        check_deadline()
        try:
            return self._alone(values)
        except psycopg2.Error as error:
            if self._changes or not isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
                raise DBAPIError.instance(self.sql, None, error, psycopg2.Error, dialect=_DIALECT) from error
            # Again by SQLAlchemy, which knows which connections a restarted database leaves dead.
            with reading() as connection:
                return list(connection.exec_driver_sql(self.sql, values))

    def first(self, **values: Any) -> Row | None:
        """The first row; None when there is none."""
        return next(iter(self.all(**values)), None)

    def _alone(self, values: dict[str, Any]) -> list[Row]:
        with closing(db.engine.raw_connection()) as pooled:
            driver: Any = pooled.driver_connection
            try:
                driver.autocommit = True
                with driver.cursor(cursor_factory=NamedTupleCursor) as cursor:
                    cursor.execute(self.sql, values)
                    return cursor.fetchall()  # type: ignore[no-any-return]
            finally:
                if not driver.closed:
                    driver.autocommit = False
