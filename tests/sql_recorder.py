"""Records the SQL statements that are sent, through SQLAlchemy or directly through the driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from heidi_common.database.compiled import CompiledStatement

Sent = list[tuple[str, Any]]


@contextmanager
def recorded_statements() -> Iterator[Sent]:
    """Record the statements that are sent within the context, in order, with their values."""
    statements: Sent = []
    execute = CompiledStatement._execute_alone

    def record(_connection: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        statements.append((statement, values))

    def record_compiled(statement: CompiledStatement, values: dict[str, Any]) -> list[Any]:
        statements.append((statement.sql, values))
        return execute(statement, values)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CompiledStatement, "_execute_alone", record_compiled)
            yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)
