"""Hot statements: compiled once, executed by the driver itself, one round trip each.

For each execution SQLAlchemy looks up the compiled form and sets up a result. When a row is read by its id, that is
four fifths of the work in Python. A statement that runs alone also needs no BEGIN and COMMIT: it is a transaction of
its own.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, TypeAlias

import psycopg2
from psycopg2.extras import NamedTupleCursor
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from heidi_common.database.disk_space import require_disk_space
from heidi_common.database.prepared import REJECTED, PreparedStatement, reject
from heidi_common.database.session import check_deadline, db
from heidi_common.database.transactions import holds_connection, in_transaction, reading

_DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]
Row: TypeAlias = Any
"""A named tuple. Its values have the types that psycopg2 returns; SQLAlchemy registers UUID with psycopg2."""


class CompiledStatement:
    """A statement that is compiled once and executed with named values, as a prepared query would be.

    Inside a `transaction()` it takes part in that transaction; outside, it is a separate transaction. Types whose
    values SQLAlchemy converts are not supported: JSON is passed and returned as text.

    Args:
        statement: A SELECT, or an INSERT, UPDATE or DELETE with RETURNING. Parameters are `bindparam`s or `:name`.
        changes: Whether it changes data. A statement that does not is repeated once if its connection turns out to
            be dead; a change is never repeated.
        prepared: Whether PostgreSQL plans it once per connection when it runs alone. For a frequent statement whose
            best plan is the same for all values, such as one that finds rows by their primary keys.

    Raises:
        ValueError: SQLAlchemy would compute the value of a column in Python (a default or `onupdate`). Give the
            column a value in the statement.
    """

    def __init__(self, statement: ClauseElement, *, changes: bool = False, prepared: bool = False) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        if compiled.prefetch:
            raise ValueError(f"give these columns their values: {[column.name for column in compiled.prefetch]}")
        self.sql = str(compiled)
        self._constants = {name: bound.value for name, bound in compiled.binds.items() if not bound.required}
        self._changes = changes
        types = {name: bound.type for name, bound in compiled.binds.items() if bound.required}
        self._prepared = PreparedStatement(self.sql, types, _DIALECT, self._constants) if prepared else None

    def all(self, **values: Any) -> list[Row]:
        """Execute the statement and fetch all rows.

        Args:
            values: The values of the statement's parameters, by name.

        Returns:
            The rows as named tuples, in the order of the statement.

        Raises:
            sqlalchemy.exc.DBAPIError: The database rejected the statement or the connection is lost.
            InsufficientStorage: The statement changes something, and the disk of the database is full.
            Unavailable: The request has exceeded its time limit.
        """
        values = self._constants | values
        # A thread that holds a connection must not wait for a second one: all threads could end up waiting.
        if db.session.registry.has() and (in_transaction() or (not self._changes and holds_connection())):
            return list(db.session.connection().exec_driver_sql(self.sql, values))
        check_deadline()
        if self._changes:
            require_disk_space()
        try:
            return self._execute_alone(values)
        except psycopg2.Error as error:
            if self._changes or not isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
                raise DBAPIError.instance(self.sql, None, error, psycopg2.Error, dialect=_DIALECT) from error
            # Repeat it through SQLAlchemy, which discards the connections that a database restart has broken.
            with reading() as connection:
                return list(connection.exec_driver_sql(self.sql, values))

    def first(self, **values: Any) -> Row | None:
        """Execute the statement as `all` does and return the first row, or None if it returns none."""
        return next(iter(self.all(**values)), None)

    def _execute_alone(self, values: dict[str, Any]) -> list[Row]:
        with closing(db.engine.raw_connection()) as pooled:
            driver: Any = pooled.driver_connection
            try:
                driver.autocommit = True
                with driver.cursor(cursor_factory=NamedTupleCursor) as cursor:
                    self._execute(pooled, cursor, values)
                    return cursor.fetchall()  # type: ignore[no-any-return]
            finally:
                if not driver.closed:
                    driver.autocommit = False

    def _execute(self, pooled: Any, cursor: Any, values: dict[str, Any]) -> None:
        if self._prepared is None:
            cursor.execute(self.sql, values)
            return
        try:
            cursor.execute(self._prepared.prepare(pooled, cursor), values)
        except REJECTED:
            reject(pooled)
            cursor.execute(self.sql, values)
