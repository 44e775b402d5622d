"""Process the content of new files in a worker: scan it for viruses, and create renditions of images.

The scan is repeated until there is a result: content that could not be scanned cannot be downloaded. Renditions are
given up if the worker process ended during several attempts, which an image may have caused.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from heidi_common.database.models import storable_text
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import jobs
from heidi_common.messaging.lease_keeper import kept_lease
from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings
from heidi_services.files import antivirus, images
from heidi_services.files.content import Content
from heidi_services.files.content_types import RENDERABLE
from heidi_services.files.enums import JobStatus, ObjectStatus, RenditionSize, ScanStatus
from heidi_services.files.models import File, FileJob, StoredObject
from heidi_services.files.service import objects
from heidi_services.files.service.file_events import emit_quarantined
from heidi_services.files.storage import StorageError, storage

LEASE_SECONDS = 60
"""It is extended while the worker lives: a file whose worker was killed is soon scanned again."""
MAX_RENDERING_ATTEMPTS = 3
_MEMORY_BYTES = 4 * 1024 * 1024
"""Larger images are decoded from a temporary file."""


def overdue(limit: int) -> list[UUID]:
    """Collect objects to process that have no wake-up message under way."""
    return jobs.collect_overdue(FileJob, open_status=JobStatus.PENDING, limit=limit)


def process(object_id: UUID) -> None:
    """Process an object that is due. A failed scan is repeated later."""
    if not jobs.claim(FileJob, object_id, open_status=JobStatus.PENDING, lease_seconds=LEASE_SECONDS):
        return
    row = db.session.get_one(StoredObject, object_id, populate_existing=True)
    attempts = db.session.get_one(FileJob, object_id, populate_existing=True).attempts
    scan_status, media_type = row.scan_status, row.detected_type
    db.session.rollback()  # no connection is held while clamd and storage are called
    try:
        with kept_lease(object_id, partial(_extend_lease, object_id)):
            if scan_status == ScanStatus.PENDING:
                scan_status = _scan(object_id)
                attempts = 1
            if scan_status != ScanStatus.INFECTED and media_type in RENDERABLE:
                _render(object_id, attempts)
        _finish(object_id, JobStatus.DONE)
    except images.UnusableImage as error:
        _finish(object_id, JobStatus.FAILED, str(error))
    except (antivirus.ScanFailed, StorageError) as error:
        _postpone(object_id, attempts, str(error))


def _extend_lease(object_id: UUID) -> None:
    """It has no effect if the lease has ended: another worker may process the object by now."""
    with transaction():
        _change_job(
            object_id,
            FileJob.locked_until > func.now(),
            locked_until=func.now() + timedelta(seconds=LEASE_SECONDS),
        )


def _scan(object_id: UUID) -> ScanStatus:
    url = current_settings().clamav_url
    if not url:  # a file that was uploaded while it was set must not become available without a scan
        raise antivirus.ScanFailed("Set CLAMAV_URL for the worker: the file must be scanned.")
    signature = antivirus.scan(url, storage().read(object_id.hex))
    status = ScanStatus.CLEAN if signature is None else ScanStatus.INFECTED
    with transaction():
        row = db.session.get(StoredObject, object_id, with_for_update=True, populate_existing=True)
        if row is not None and row.scan_status == ScanStatus.PENDING:
            row.scan_status, row.signature = status, signature and storable_text(signature)[:200]
            # Attempts to render are counted from here.
            _change_job(object_id, attempts=1)
            _report(row)
    return status


def _report(row: StoredObject) -> None:
    """Give the files with this content a new version, and emit the event of a detected virus."""
    _touch_files(row.id)
    if row.scan_status == ScanStatus.INFECTED:
        for file in db.session.scalars(select(File).where(File.object_id == row.id)):
            emit_quarantined(file)


def _touch_files(object_id: UUID) -> None:
    """Increments the version in SQL: ETags change, and an owner who edits concurrently gets no conflict."""
    changes = {"version": File.version + 1, "updated_at": func.now()}
    statement = update(File).where(File.object_id == object_id).values(changes)
    db.session.execute(statement.execution_options(synchronize_session=False))


def _render(object_id: UUID, attempts: int) -> None:
    if attempts > MAX_RENDERING_ATTEMPTS:
        raise images.UnusableImage("The worker process ended during every attempt.")
    with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as file:
        for chunk in storage().read(object_id.hex):
            file.write(chunk)
        file.seek(0)
        renditions = images.render(file, max_pixels=current_settings().files_max_pixels)  # type: ignore[arg-type]
    for size, image in renditions.images.items():
        _store_rendition(object_id, size, image)
    with transaction():
        row = db.session.get(StoredObject, object_id, with_for_update=True, populate_existing=True)
        if row is not None:
            row.width, row.height = renditions.width, renditions.height
            _touch_files(object_id)


def _store_rendition(source_id: UUID, size: RenditionSize, image: bytes) -> None:
    owner_id = db.session.scalar(select(StoredObject.user_id).where(StoredObject.id == source_id))
    if owner_id is None or _has_rendition(source_id, size):
        return
    rendition_id = objects.begin(owner_id, source_id=source_id, rendition_size=size)
    content = Content([image], len(image))
    objects.write(rendition_id, content)
    try:
        with transaction():
            source = db.session.get(StoredObject, source_id, with_for_update=True, populate_existing=True)
            if source is None or source.status != ObjectStatus.STORED:
                raise NotFound("The image was deleted.")
            objects.complete_derived(rendition_id, ObjectStatus.RENDITION, content.size)
    except NotFound:
        objects.discard(rendition_id)


def _has_rendition(source_id: UUID, size: RenditionSize) -> bool:
    statement = select(StoredObject.id).where(
        StoredObject.source_id == source_id,
        StoredObject.rendition_size == size,
        StoredObject.status == ObjectStatus.RENDITION,
    )
    return db.session.scalar(statement) is not None


def _finish(object_id: UUID, status: JobStatus, error: str | None = None) -> None:
    with transaction():
        _change_job(object_id, status=status, locked_until=None, last_error=error and storable_text(error)[:500])


def _postpone(object_id: UUID, attempts: int, error: str) -> None:
    due = func.now() + jobs.backoff(attempts, base=5, cap=600)
    with transaction():
        _change_job(
            object_id,
            locked_until=None,
            next_attempt_at=due,
            hinted_until=due,
            last_error=storable_text(error)[:500],
        )


def _change_job(object_id: UUID, *conditions: ColumnElement[bool], **values: object) -> None:
    is_open = (FileJob.id == object_id, FileJob.status == JobStatus.PENDING)
    statement = update(FileJob).where(*is_open, *conditions).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))
