"""The plans of the statements that a call sends."""

from __future__ import annotations

from collections.abc import Callable

from heidi_common.database.transactions import reading
from tests.sql_recorder import recorded_statements


def explained(call: Callable[[], object], table: str) -> list[str]:
    """Return the plan of each statement on a table that a call sends. The statements are planned a second time."""
    with recorded_statements() as sent:
        call()
    with reading() as connection:
        return [
            "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
            for statement, values in sent
            if f" {table} " in statement.replace("\n", " ") + " " and not statement.startswith("EXPLAIN")
        ]
