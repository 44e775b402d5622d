"""Requested imports: create, read, list and cancel them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.import_files.rows import InvalidFile
from heidi_common.import_jobs import content
from heidi_common.import_jobs.base import Importer
from heidi_common.import_jobs.models import Import, ImportContent, ImportKind, ImportLine
from heidi_common.messaging.jobs import collect_overdue
from heidi_common.messaging.requested_jobs import RequestStatus, change_if
from heidi_common.problems import Conflict, Invalid, NotFound, TooMany

MAX_PENDING = 10
"""Imports of one kind that may wait or run at the same time."""


def create(importer: type[Importer], raw: bytes, options: dict[str, Any], *, requested_by: UUID) -> Import:
    """Store an import for a worker. The structure of the file is checked now, its rows by the worker.

    Args:
        importer: The class that imports the rows.
        raw: The file.
        options: `format` and `encoding` of the file if they are known, and what the importer needs.
        requested_by: The user.

    Raises:
        Invalid: The file is rejected as a whole.
        TooMany: MAX_PENDING imports have not ended yet.
    """
    rows = _count_rows(importer, raw, options)
    with transaction():
        _require_capacity(importer.kind)
        row = Import(kind=importer.kind, requested_by=requested_by, options=options, rows=rows, hinted_until=utcnow())
        db.session.add(row)
        db.session.flush()
        db.session.add(content.seal(row.id, raw))
        record("import_requested", actor=requested_by, target=row.id, detail={"kind": row.kind, "rows": rows})
    return row


def get(kind: ImportKind, import_id: UUID) -> Import:
    """Read an import.

    Raises:
        NotFound: No import of this kind has the ID.
    """
    row = db.session.get(Import, import_id, populate_existing=True)
    if row is None or row.kind != kind:
        raise NotFound("Import not found.")
    return row


def list_imports(kind: ImportKind, query: Mapping[str, Any]) -> Page:
    """List the imports of a kind, newest first."""
    return newest_first(select(Import).where(Import.kind == kind), Import, query)


def list_lines(kind: ImportKind, import_id: UUID, query: Mapping[str, Any]) -> Page:
    """List the results of the rows in their order, all or those with an `outcome`."""
    get(kind, import_id)
    statement = select(ImportLine).where(ImportLine.import_id == import_id)
    if query.get("outcome"):
        statement = statement.where(ImportLine.outcome == query["outcome"].value)
    paging = {name: query[name] for name in ("limit", "cursor", "total")}
    return page(statement, order=ImportLine.number, descending=False, tiebreak=ImportLine.number, **paging)


def cancel(kind: ImportKind, import_id: UUID, *, actor: UUID) -> Import:
    """Cancel an import. What it has imported stays; the batch that a worker is processing is rolled back.

    Raises:
        NotFound: No import of this kind has the ID.
        Conflict: `import_ended`.
    """
    get(kind, import_id)
    with transaction():
        is_open = (Import.id == import_id, Import.status == RequestStatus.PENDING)
        values = {"status": RequestStatus.CANCELLED.value, "finished_at": func.now(), "locked_until": None}
        if not change_if(Import, *is_open, values=values):
            raise Conflict("The import has ended already.", code="import_ended")
        db.session.execute(delete(ImportContent).where(ImportContent.import_id == import_id))
        record("import_cancelled", actor=actor, target=import_id)
    return get(kind, import_id)


def overdue(kind: ImportKind, limit: int) -> list[UUID]:
    """Collect imports that are due and have no wake-up message under way."""
    return collect_overdue(Import, Import.kind == kind, open_status=RequestStatus.PENDING, limit=limit)


def _count_rows(importer: type[Importer], raw: bytes, options: Mapping[str, Any]) -> int:
    try:
        rows = sum(1 for _ in importer.read_rows(raw, options))
    except InvalidFile as error:
        raise Invalid.field("file", f"The file is rejected: {error}.") from None
    if not rows:
        raise Invalid.field("file", "Must contain at least one row besides the header.")
    return rows


def _require_capacity(kind: ImportKind) -> None:
    pending = (
        select(func.count()).select_from(Import).where(Import.kind == kind, Import.status == RequestStatus.PENDING)
    )
    if (db.session.scalar(pending) or 0) >= MAX_PENDING:
        detail = f"There are {MAX_PENDING} imports that wait or run. Wait until one has ended, or cancel one."
        raise TooMany(detail, code="too_many_imports", retry_after=30)
