"""Carry out imports in a worker, in batches.

The results of a batch, the progress and what the batch has imported are committed together. A worker that is killed
loses at most one batch, which the next one repeats: each row takes effect once. An import that takes longer than
SLICE_SECONDS is continued later, so that several imports and other work take turns.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert

from heidi_common.audit.trail import record
from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import storable_text
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.import_files.rows import InvalidFile, NumberedRow
from heidi_common.import_jobs.base import Importer, LineResult
from heidi_common.import_jobs.content import unseal
from heidi_common.import_jobs.models import Import, ImportContent, ImportLine
from heidi_common.messaging import jobs
from heidi_common.messaging.requested_jobs import RequestStatus, change_if

log = logging.getLogger(__name__)
LEASE_SECONDS = 120
SLICE_SECONDS = 10.0
MAX_ATTEMPTS = 5
"""Attempts without progress after which an import fails."""
MAX_DETAIL = 500


class _Ended(Exception):
    """The import was cancelled, or another worker has taken it over. The batch is rolled back."""


def process(importer: Callable[[dict[str, Any], UUID], Importer], import_id: UUID) -> None:
    """Carry out a part of an import that is due.

    Args:
        importer: Makes the importer, from the options of the import and the user who has requested it.
        import_id: The import.
    """
    if not jobs.claim(Import, import_id, open_status=RequestStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return
    row = db.session.get_one(Import, import_id, populate_existing=True)
    db.session.expunge(row)
    db.session.rollback()
    if row.attempts > MAX_ATTEMPTS:
        _fail(row, f"The worker ended {MAX_ATTEMPTS} times after row {row.processed}. Import the remaining rows again.")
        return
    try:
        _run(row, importer(row.options, row.requested_by))
    except _Ended:
        log.info("import ended by another process", extra={"import_id": str(import_id)})
    except (InvalidFile, DecryptionError) as error:
        _fail(row, f"The file cannot be read: {error}")
    except Exception:
        _postpone(row)
        raise


def _run(row: Import, importer: Importer) -> None:
    rows = _read_rows(row, importer)
    importer.skip(islice(rows, row.processed))
    end = time.monotonic() + SLICE_SECONDS
    while batch := list(islice(rows, importer.batch_rows)):
        prepared = importer.prepare(batch)
        with transaction():
            _advance(row, importer.store(prepared))
        if time.monotonic() > end and row.processed < row.rows:
            _release(row, func.now(), attempts=0)
            return
    importer.finish()
    _finish(row, RequestStatus.SUCCEEDED)


def _read_rows(row: Import, importer: Importer) -> Iterator[NumberedRow]:
    content = db.session.get(ImportContent, row.id)
    if content is None:
        raise _Ended
    raw = unseal(content)
    db.session.rollback()
    return importer.read_rows(raw, row.options)


def _advance(row: Import, results: Sequence[LineResult]) -> None:
    """Store the results of a batch and the progress, within the transaction of the batch.

    Raises:
        _Ended: The import is not in the state in which this worker has left it.
    """
    processed = row.processed + len(results)
    counts = Counter(row.counts) + Counter(result.outcome.value for result in results)
    values = {"processed": processed, "counts": dict(counts), "attempts": 1}
    values |= {"started_at": func.coalesce(Import.started_at, func.now())}
    values |= {"locked_until": func.now() + timedelta(seconds=LEASE_SECONDS)}
    _change(row, **values)
    db.session.execute(insert(ImportLine), [_line(row, number, result) for number, result in enumerate(results, 1)])
    row.processed, row.counts = processed, dict(counts)


def _line(row: Import, number: int, result: LineResult) -> dict[str, Any]:
    return {
        "import_id": row.id,
        "number": row.processed + number,
        "line": result.line,
        "outcome": result.outcome.value,
        "target_id": result.target_id,
        "detail": result.detail and storable_text(result.detail)[:MAX_DETAIL],
    }


def _finish(row: Import, status: RequestStatus, error: str | None = None) -> None:
    with transaction():
        _change(row, status=status.value, finished_at=func.now(), locked_until=None, error=error)
        db.session.execute(delete(ImportContent).where(ImportContent.import_id == row.id))
        detail = {"kind": row.kind, "status": status.value, "counts": row.counts}
        outcome = "success" if status == RequestStatus.SUCCEEDED else "failure"
        record("import_finished", actor=row.requested_by, target=row.id, outcome=outcome, detail=detail)


def _fail(row: Import, error: str) -> None:
    db.session.rollback()
    _finish(row, RequestStatus.FAILED, storable_text(error)[:MAX_DETAIL])


def _postpone(row: Import) -> None:
    """Try again later, after an error that is not one of the file."""
    db.session.rollback()
    _release(row, func.now() + jobs.backoff(row.attempts, base=2, cap=60))


def _release(row: Import, due: Any, **values: Any) -> None:
    with transaction():
        _change(row, locked_until=None, next_attempt_at=due, hinted_until=due, **values)


def _change(row: Import, **values: Any) -> None:
    """Change the import if it is in the state in which this worker has left it.

    Raises:
        _Ended: It is not.
    """
    unchanged = (Import.id == row.id, Import.status == RequestStatus.PENDING, Import.processed == row.processed)
    if not change_if(Import, *unchanged, values=values):
        raise _Ended
