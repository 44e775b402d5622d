"""Statements that PostgreSQL parses and plans once per connection instead of at each execution.

Planning a statement that claims a job takes several times as long as its execution.

Source: https://www.postgresql.org/docs/current/sql-prepare.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from psycopg2 import errors
from psycopg2.extensions import AsIs
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import NullType, TypeEngine

REJECTED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement, errors.FeatureNotSupported)
"""Errors that PostgreSQL raises before it executes a prepared statement, which can therefore be executed unprepared.

A pooler that gives each transaction another connection causes the first two, a migration of a result's column the
third.
"""
STATEMENTS: dict[str, str] = {}
"""The statements of this process, by the names under which they are prepared."""
_INFO = "prepared_statements"
_LENGTH = re.compile(r"\(\d+\)")
Pooled: TypeAlias = Any
"""A connection of SQLAlchemy's pool. Its `info` is kept as long as the connection to PostgreSQL."""


class PreparedStatement:
    """A statement and its parameters, for PREPARE and EXECUTE.

    Args:
        sql: The statement in the driver's format, with `%(name)s`.
        types: The names of the parameters, with their types.
        dialect: Writes the types.
        constants: The values that never change. PostgreSQL must know them to use partial indexes.
    """

    def __init__(
        self, sql: str, types: Mapping[str, TypeEngine[Any]], dialect: Dialect, constants: Mapping[str, Any]
    ) -> None:
        self._sql, self._constants = sql, dict(constants)
        self._names = list(types)
        declared = ", ".join(_type_name(kind, dialect) for kind in types.values())
        identity = repr((sql, declared, sorted(self._constants.items(), key=str)))
        self._name = f"heidi_{hashlib.sha256(identity.encode()).hexdigest()[:32]}"
        self._head = f"PREPARE {self._name} ({declared}) AS " if declared else f"PREPARE {self._name} AS "
        arguments = ", ".join(f"%({name})s" for name in self._names)
        STATEMENTS[self._name] = sql
        self._execute = f"EXECUTE {self._name} ({arguments})" if arguments else f"EXECUTE {self._name}"

    def prepare(self, pooled: Pooled, cursor: Any) -> str:
        """Prepare the statement on a connection, unless it is.

        Returns:
            What to execute: EXECUTE, or the statement itself on a connection that was `reject`ed.
        """
        known = pooled.info.setdefault(_INFO, set())
        if known is None:
            return self._sql
        if self._name not in known:
            places = {name: AsIs(f"${number}") for number, name in enumerate(self._names, 1)}
            cursor.execute(self._head + self._sql, self._constants | places)
            known.add(self._name)
        return self._execute


def reject(pooled: Pooled) -> None:
    """Prepare nothing on this connection any more."""
    pooled.info[_INFO] = None


def _type_name(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """The type without a length, which would make PostgreSQL reject longer values instead of comparing them."""
    if isinstance(kind, NullType):
        return "unknown"
    return _LENGTH.sub("", dialect.type_compiler_instance.process(kind))
