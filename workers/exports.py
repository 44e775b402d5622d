"""Exports: services write them, the file service stores them. Only workers know both."""

from __future__ import annotations

from uuid import UUID

from heidi_common.export_jobs import cleanup, processing
from heidi_common.export_jobs.base import Exporter
from heidi_services.files.service import generated

BATCH = 20


def process(exporter: type[Exporter], export_id: UUID) -> None:
    """Carry out an export that is due."""
    processing.process(exporter, generated.store, export_id)


def delete_expired() -> bool:
    """Delete a part of the expired exports with their files; returns whether some are left."""
    rows = cleanup.expired(BATCH)
    for export_id, owner_id in rows:
        generated.delete(owner_id, export_id)
        cleanup.delete_export(export_id)
    return len(rows) == BATCH
