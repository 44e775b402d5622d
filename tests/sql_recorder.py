"""Every SQL statement that is sent, by whichever way."""

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
def noted() -> Iterator[Sent]:
    """Each statement with its values, in their order."""
    sent: Sent = []
    execute_alone = CompiledStatement._execute_alone

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        sent.append((statement, values))

    def note_direct(statement: CompiledStatement, values: dict[str, Any]) -> list[Any]:
        sent.append((statement.sql, values))
        return execute_alone(statement, values)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CompiledStatement, "_execute_alone", note_direct)
            yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)
