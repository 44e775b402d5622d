"""Requested exports: create, read, list and cancel them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import record
from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.export_jobs.cleanup import RETENTION
from heidi_common.export_jobs.models import Export, ExportKind
from heidi_common.messaging.jobs import collect_overdue
from heidi_common.messaging.requested_jobs import RequestStatus, change_if
from heidi_common.problems import Conflict, NotFound, TooMany

MAX_PENDING = 3
"""Exports that a user may have waiting or running at the same time."""


def create(
    kind: ExportKind, options: dict[str, Any], *, requested_by: UUID, authorization: str | None = None
) -> Export:
    """Store an export for a worker.

    Args:
        kind: What to export.
        options: What the exporter of the kind needs.
        requested_by: The user, who will own the file.
        authorization: The `Authorization` header of the request, if the export needs the rights of its user.

    Raises:
        TooMany: MAX_PENDING exports of the user have not ended yet.
    """
    row = Export(id=uuid7(), kind=kind, requested_by=requested_by, options=options, hinted_until=utcnow())
    row.sealed = field_encryptor().encrypt(authorization, context=_context(row.id)) if authorization else None
    with transaction():
        _require_capacity(requested_by)
        db.session.add(row)
        record("export_requested", actor=requested_by, target=row.id, detail={"kind": kind.value, **options})
    return row


def unseal(row: Export) -> str | None:
    """Decrypt the `Authorization` header of a request.

    Raises:
        DecryptionError: No key decrypts it.
    """
    return field_encryptor().decrypt(row.sealed, context=_context(row.id)) if row.sealed else None


def get(kind: ExportKind, export_id: UUID, *, of: UUID | None = None) -> Export:
    """Read an export.

    Args:
        kind: Its kind.
        export_id: Its ID.
        of: The user who must have requested it; None for any.

    Raises:
        NotFound: No such export exists.
    """
    row = db.session.get(Export, export_id, populate_existing=True)
    if row is None or row.kind != kind or of not in (None, row.requested_by):
        raise NotFound("Export not found.")
    return row


def list_exports(kind: ExportKind, query: Mapping[str, Any], *, of: UUID | None = None) -> Page:
    """List the exports of a kind, newest first; those of one user, if `of` names one."""
    statement = select(Export).where(Export.kind == kind)
    if of is not None:
        statement = statement.where(Export.requested_by == of)
    return newest_first(statement, Export, query)


def cancel(kind: ExportKind, export_id: UUID, *, actor: UUID, of: UUID | None = None) -> Export:
    """Cancel an export. The file that a worker is writing is discarded.

    Raises:
        NotFound: No such export exists.
        Conflict: `export_ended`.
    """
    get(kind, export_id, of=of)
    with transaction():
        values: dict[str, Any] = {
            "status": RequestStatus.CANCELLED.value,
            "finished_at": func.now(),
            "locked_until": None,
        }
        values |= {"sealed": None, "expires_at": func.now() + RETENTION}
        is_open = (Export.id == export_id, Export.status == RequestStatus.PENDING)
        if not change_if(Export, *is_open, values=values):
            raise Conflict("The export has ended already.", code="export_ended")
        record("export_cancelled", actor=actor, target=export_id)
    return get(kind, export_id)


def overdue(kind: ExportKind, limit: int) -> list[UUID]:
    """Collect exports that are due and have no wake-up message under way."""
    return collect_overdue(Export, Export.kind == kind, open_status=RequestStatus.PENDING, limit=limit)


def _require_capacity(user_id: UUID) -> None:
    is_open = (Export.requested_by == user_id) & (Export.status == RequestStatus.PENDING)
    if (db.session.scalar(select(func.count()).select_from(Export).where(is_open)) or 0) >= MAX_PENDING:
        detail = f"You have {MAX_PENDING} exports that wait or run. Wait until one has ended, or cancel one."
        raise TooMany(detail, code="too_many_exports", retry_after=30)


def _context(export_id: UUID) -> bytes:
    return b"export:" + export_id.bytes
