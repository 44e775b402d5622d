"""Carry out exports in a worker.

A file cannot be continued: a worker that is killed leaves an incomplete object, which the file service removes, and the
next one begins again. The file has the ID of the export, so that it is stored once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func

from heidi_common.audit.trail import record
from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import storable_text
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.export_jobs.base import ExportedFile, Exporter
from heidi_common.export_jobs.cleanup import RETENTION
from heidi_common.export_jobs.models import Export
from heidi_common.export_jobs.requests import unseal
from heidi_common.messaging import jobs
from heidi_common.messaging.requested_jobs import RequestStatus, change_if
from heidi_common.problems import Problem, Unavailable

log = logging.getLogger(__name__)
LEASE_SECONDS = 120
PROGRESS_SECONDS = 1.0
MAX_ATTEMPTS = 8
MAX_ERROR = 500

Store = Callable[[UUID, UUID, ExportedFile], None]
"""Stores the file of an export, unless it is stored already: owner, ID of the file, and its content."""


class _ExportEnded(Exception):
    """The export was cancelled, its user was erased, or another worker has taken it over. The file is discarded."""


def process(exporter: type[Exporter], store: Store, export_id: UUID) -> None:
    """Carry out an export that is due.

    Args:
        exporter: Writes the file.
        store: Stores it.
        export_id: The export.
    """
    if not jobs.claim(Export, export_id, open_status=RequestStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return
    row = db.session.get_one(Export, export_id, populate_existing=True)
    db.session.expunge(row)
    db.session.rollback()
    try:
        if row.attempts > MAX_ATTEMPTS:
            _finish(row, RequestStatus.FAILED, f"The export was interrupted {MAX_ATTEMPTS} times. Request it again.")
        else:
            _run(row, exporter, store)
    except _ExportEnded:
        log.info("export ended by another process", extra={"export_id": str(export_id)})


def _run(row: Export, exporter: type[Exporter], store: Store) -> None:
    try:
        source = exporter(row.options, row.requested_by, unseal(row))
        row.rows = source.count_rows()
        db.session.rollback()
        _advance(row, 0)
        chunks = _counted(row, source)
        store(row.requested_by, row.id, ExportedFile(source.file_name(row.created_at), source.content_type, chunks))
        _finish(row, RequestStatus.SUCCEEDED)
    except Unavailable as error:
        log.warning("export postponed", extra={"export_id": str(row.id), "error": str(error)})
        _postpone(row)
    except Problem as error:
        _finish(row, RequestStatus.FAILED, str(error))
    except DecryptionError:
        _finish(row, RequestStatus.FAILED, "The request can no longer be decrypted. Request the export again.")
    except _ExportEnded:
        raise
    except Exception:
        with suppress(_ExportEnded):
            _postpone(row)
        raise


def _counted(row: Export, source: Exporter) -> Iterator[bytes]:
    """The content of the file. Progress is stored, and the lease renewed, while it is read."""
    processed, due = 0, time.monotonic() + PROGRESS_SECONDS
    for piece in source.pieces():
        processed += piece.rows
        if piece.content:
            yield piece.content
        if time.monotonic() > due:
            db.session.rollback()
            _advance(row, processed)
            due = time.monotonic() + PROGRESS_SECONDS
    row.processed = processed


def _advance(row: Export, processed: int) -> None:
    row.processed = processed
    lease = func.now() + timedelta(seconds=LEASE_SECONDS)
    started = func.coalesce(Export.started_at, func.now())
    with transaction():
        _change(row, rows=row.rows, processed=processed, started_at=started, locked_until=lease)


def _finish(row: Export, status: RequestStatus, error: str | None = None) -> None:
    db.session.rollback()
    values: dict[str, Any] = {"status": status.value, "finished_at": func.now(), "locked_until": None, "sealed": None}
    values |= {"expires_at": func.now() + RETENTION, "error": error and storable_text(error)[:MAX_ERROR]}
    with transaction():
        _change(row, processed=row.processed, **values)
        detail = {"kind": row.kind, "status": status.value, "rows": row.processed}
        outcome = "success" if status == RequestStatus.SUCCEEDED else "failure"
        record("export_finished", actor=row.requested_by, target=row.id, outcome=outcome, detail=detail)


def _postpone(row: Export) -> None:
    db.session.rollback()
    due = func.now() + jobs.backoff(row.attempts, base=2, cap=300)
    with transaction():
        _change(row, locked_until=None, next_attempt_at=due, hinted_until=due)


def _change(row: Export, **values: Any) -> None:
    """Change the export if this worker was the last one to claim it.

    Raises:
        _ExportEnded: It was not, or the export has ended.
    """
    own = (Export.id == row.id, Export.status == RequestStatus.PENDING, Export.attempts == row.attempts)
    if not change_if(Export, *own, values=values):
        raise _ExportEnded
