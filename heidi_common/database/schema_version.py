"""The migration that a database has reached, compared with the newest one that this version of the platform has."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
SELECT_CURRENT = "SELECT version_num FROM alembic_version"
_REVISION = re.compile(r'^revision\b.*?=\s*"(\w+)"', re.MULTILINE)


class SchemaVersion(NamedTuple):
    """How far a database is.

    Attributes:
        current: The last migration that was applied; None if none was.
        newest: The last migration of this version of the platform.
        missing: How many migrations have to be applied. It is 0 if a later version of the platform has migrated the
            database: this version runs on the schema of the next one.
    """

    current: str | None
    newest: str
    missing: int


def compare(current: str | None) -> SchemaVersion:
    """Compare the migration that a database has reached with those of this version.

    Alembic itself is not used, since it would cost each web process 10 MB.

    Args:
        current: The value in the table `alembic_version`; None if there is none.
    """
    known = _revisions()
    if current is None:
        return SchemaVersion(None, known[-1], len(known))
    missing = len(known) - 1 - known.index(current) if current in known else 0
    return SchemaVersion(current, known[-1], missing)


@cache
def _revisions() -> tuple[str, ...]:
    """All migrations, from the oldest to the newest: their files are numbered in this order."""
    texts = (path.read_text() for path in sorted(MIGRATIONS.glob("*.py")))
    return tuple(revision for text in texts for revision in _REVISION.findall(text))
