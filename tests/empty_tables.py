"""Empty the tables of the platform between two tests.

TRUNCATE creates new files for a table, its indexes, and all tables that refer to it. To delete a few rows takes a
fraction of that time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db

PAGE_BYTES = 8192
"""Deleted rows keep their place, so a table of more than one page is truncated."""
RESTART_SEQUENCES = """
    SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence
    JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = seqrelid AND deptype IN ('a', 'i')
    WHERE refobjid = ANY('{{{}}}'::regclass[])
"""


def empty_tables() -> None:
    """Empty every table except those that the migrations fill, which are marked in their `info`."""
    names = tuple(table.name for table in db.metadata.sorted_tables if not table.info.get("shipped"))
    if sizes := {row.name: row.bytes for row in _find_filled(names).all()}:
        with db.engine.begin() as connection:
            connection.exec_driver_sql("; ".join(_statements(sizes)))


@cache
def _find_filled(names: tuple[str, ...]) -> CompiledStatement:
    """Most tables are empty. Prepared, since PostgreSQL plans this statement for longer than it executes it."""
    selects = (f"SELECT '{n}' AS name, pg_relation_size('{n}') AS bytes WHERE EXISTS (SELECT FROM {n})" for n in names)
    return CompiledStatement(text(" UNION ALL ".join(selects)), prepared=True)


def _statements(sizes: dict[str, int]) -> Iterator[str]:
    # Without triggers: the audit trail refuses both, and foreign keys would require an order.
    yield "SET LOCAL session_replication_role = replica"
    if large := [name for name, size in sizes.items() if size > PAGE_BYTES]:
        yield f"TRUNCATE {', '.join(large)} RESTART IDENTITY CASCADE"
    small = sizes.keys() - set(large)
    yield from (f"DELETE FROM {name}" for name in small)
    yield RESTART_SEQUENCES.format(", ".join(small))
