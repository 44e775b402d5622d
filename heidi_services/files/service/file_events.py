"""The events about files."""

from __future__ import annotations

from typing import Any

from heidi_common.messaging.events import FileCreated, FileQuarantined
from heidi_common.messaging.outbox import emit
from heidi_services.files.enums import FileStatus
from heidi_services.files.models import File


def emit_created(file: File) -> None:
    """Emit that a file was uploaded, and if its content is known to contain a virus, that it was quarantined."""
    emit(FileCreated(**_about(file), status=file.object.file_status))
    if file.object.file_status == FileStatus.QUARANTINED:
        emit_quarantined(file)


def emit_quarantined(file: File) -> None:
    """Emit that a virus was detected in a file."""
    emit(FileQuarantined(**_about(file), signature=file.object.signature))


def _about(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "about_user": file.user_id,
        "content_type": file.content_type,
        "bytes": file.object.bytes,
    }
