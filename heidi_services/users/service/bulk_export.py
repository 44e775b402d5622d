"""Export of users to CSV or NDJSON, in the form that the import reads. A spreadsheet runs no value as a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.import_files import spreadsheet_text

PAGE_ROWS = 1000
FIELDS = {
    "id": User.id,
    "email": User.email,
    "role": User.role,
    "firstName": User.first_name,
    "lastName": User.last_name,
    "phone": User.phone,
    "locale": User.locale,
    "timezone": User.timezone,
    "isActive": User.is_active,
    "emailVerified": User.email_verified_at.is_not(None),
    "createdAt": User.created_at,
}


def audit_export(*, with_hashes: bool) -> None:
    """Record an export before it begins, so that one that is interrupted is recorded, too."""
    with transaction():
        users = db.session.scalar(select(func.count()).where(User.deleted_at.is_(None)))
        record("users_exported", detail={"users": users, "passwordHashes": with_hashes})


def export_users(kind: str, *, with_hashes: bool = False) -> Iterator[str]:
    """Export all users that are not deleted, as a stream: the table may be larger than memory.

    Args:
        kind: `csv` (with a header) or `ndjson`.
        with_hashes: Include password hashes, for a move to another installation.

    Returns:
        The text of the file, in pieces.
    """
    fields: dict[str, Any] = FIELDS | ({"passwordHash": User.password_hash} if with_hashes else {})
    columns = [column.label(name) for name, column in fields.items()]
    statement = select(*columns).where(User.deleted_at.is_(None)).order_by(User.created_at, User.id)
    rows = db.session.execute(statement.execution_options(yield_per=PAGE_ROWS)).mappings()
    return _csv(rows, list(fields), has_header=True) if kind == "csv" else _ndjson(rows)


def export_page(kind: str, after: tuple[datetime, UUID] | None) -> tuple[str, tuple[datetime, UUID] | None, int]:
    """Export the next users, without their hashes, in a separate statement.

    Args:
        kind: `csv` (its first page has a header) or `ndjson`.
        after: Where the page before has ended; None for the first one.

    Returns:
        The text, where the page has ended (None if it has no users), and the number of its users.
    """
    columns: list[Any] = [column.label(name) for name, column in FIELDS.items()]
    statement = select(*columns).where(User.deleted_at.is_(None)).order_by(User.created_at, User.id).limit(PAGE_ROWS)
    if after is not None:
        statement = statement.where(tuple_(User.created_at, User.id) > after)
    rows = db.session.execute(statement).mappings().all()
    db.session.rollback()
    lines = _csv(rows, list(FIELDS), has_header=after is None) if kind == "csv" else _ndjson(rows)
    end = (rows[-1]["createdAt"], rows[-1]["id"]) if rows else None
    return "".join(lines), end, len(rows)


def _ndjson(rows: Any) -> Iterator[str]:
    for row in rows:
        yield json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False, default=_text) + "\n"


def _csv(rows: Any, names: list[str], *, has_header: bool) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    if has_header:
        writer.writeheader()
    for row in rows:
        writer.writerow({k: spreadsheet_text.protect(_text(v)) if v is not None else None for k, v in row.items()})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _text(value: Any) -> str:
    """Format a value so that `import` reads the same one: times in full precision."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else str(value)
