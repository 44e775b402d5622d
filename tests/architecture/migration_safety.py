"""Migrations run while the previous release serves: none may break it, or lock a large table.

The statements of each migration are recorded while it runs, and checked by squawk (https://squawkhq.com).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine

RULES = frozenset(
    {
        # What the previous release reads or writes would be gone, or its INSERTs rejected.
        *{"ban-drop-column", "ban-drop-table", "ban-drop-view", "renaming-column", "renaming-table"},
        *{"adding-required-field", "adding-not-nullable-field", "changing-column-type", "ban-drop-default"},
        # The table is locked while all of its rows are read or written.
        *{"constraint-missing-not-valid", "adding-foreign-key-constraint", "disallowed-unique-constraint"},
        *{"require-concurrent-index-creation", "adding-field-with-default", "adding-serial-primary-key-field"},
    }
)
_REVISION = re.compile(r"(?:UPDATE|INSERT INTO) alembic_version .*?'(\w+)'")
_TABLE = re.compile(
    r"(?:ALTER TABLE|DROP TABLE|CREATE (?:UNIQUE )?INDEX .*? ON|CREATE (?:UNLOGGED )?TABLE)"
    r"(?: IF (?:NOT )?EXISTS| ONLY)*\s+\"?(?:public\.)?(\w+)",
    re.IGNORECASE | re.DOTALL,
)


class Violation(NamedTuple):
    """A statement that breaks the running version."""

    revision: str
    rule: str
    table: str
    statement: str


@contextmanager
def recorded(engine: Engine) -> Iterator[dict[str, list[str]]]:
    """Record what migrations execute while the block lasts: revision -> statements."""
    steps: dict[str, list[str]] = {}
    current: list[str] = []

    def record(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        text = " ".join(cursor.mogrify(statement, parameters or None).decode().split())
        revision = _REVISION.search(text)
        if revision:
            steps[revision[1]] = current.copy()
            current.clear()
        else:
            current.append(text)

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", record)


def violations(steps: Mapping[str, list[str]], folder: Path) -> list[Violation]:
    """Check the statements of some migrations. Tables that they have created themselves may be changed in any way.

    Args:
        steps: Revision -> statements, in their order.
        folder: For the files that squawk reads.
    """
    for revision, statements in steps.items():
        (folder / f"{revision}.sql").write_text("".join(f"{text.rstrip(';')};\n" for text in statements))
    new = {_table(text) for statements in steps.values() for text in statements if _creates_table(text)}
    return [item for item in sorted(_squawk(steps, folder)) if item.table not in new]


def _squawk(steps: Mapping[str, list[str]], folder: Path) -> Iterator[Violation]:
    files = [str(folder / f"{revision}.sql") for revision in steps]
    program = Path(sys.executable).with_name("squawk")
    command = [program, "--reporter", "json", "--pg-version", "15.0", "--assume-in-transaction", *files]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for finding in json.loads(output):
        if finding["rule_name"] in RULES:
            revision = Path(finding["file"]).stem
            statement = steps[revision][finding["line"]]
            yield Violation(revision, finding["rule_name"], _table(statement), statement[:120])


def _creates_table(statement: str) -> bool:
    return re.match(r"CREATE (UNLOGGED )?TABLE", statement, re.IGNORECASE) is not None


def _table(statement: str) -> str:
    match = _TABLE.search(statement)
    return match[1] if match else ""
