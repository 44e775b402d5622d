"""Store a file that is uploaded by one request. `resumable_uploads.py` stores those that arrive in several."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Invalid
from heidi_common.runtime import current_settings
from heidi_services.files.content import Content, too_large
from heidi_services.files.content_types import content_type
from heidi_services.files.enums import Visibility
from heidi_services.files.models import File, StoredObject
from heidi_services.files.names import DEFAULT_NAME, clean_name
from heidi_services.files.service import objects, usage
from heidi_services.files.service.file_events import emit_created
from heidi_services.files.upload_body import UploadBody

_FIELDS = frozenset({"name", "visibility"})


def store(
    owner_id: UUID, body: UploadBody, *, reserved_bytes: int, visibility: str, file_id: UUID | None = None
) -> File:
    """Store the file of a request.

    Args:
        owner_id: The owner of the file.
        body: The file, with what the client says about it.
        reserved_bytes: What the file has at least, as far as the client has announced it.
        visibility: The visibility, unless a field of the body names another one.
        file_id: The ID of the file; a new one by default.

    Raises:
        TooLarge: The file exceeds FILES_MAX_BYTES, or the quota of the owner.
        Invalid: A field of the body is wrong.
    """
    limit = current_settings().files_max_bytes
    object_id = objects.begin(owner_id, reserved_bytes=reserved_bytes)
    content = Content(body.chunks(), limit)
    objects.write(object_id, content)
    try:
        name = body.fields.get("name") or body.name or DEFAULT_NAME
        chosen = _visibility(body.fields) or visibility
        media_type = content_type(content.head, body.content_type)
        with transaction():
            owner_usage = usage.lock(owner_id)
            stored = objects.complete(object_id, content, owner_usage=owner_usage)
            return create_file(stored, file_id or uuid7(), name=name, content_type=media_type, visibility=chosen)
    except Exception:
        objects.discard(object_id)
        raise


def create_file(stored: StoredObject, file_id: UUID, *, name: str, content_type: str, visibility: str) -> File:
    """Create a file with the content of a completed object, in the caller's transaction."""
    file = File(
        id=file_id,
        user_id=stored.user_id,
        object=stored,
        name=clean_name(name),
        content_type=content_type,
        visibility=visibility,
    )
    db.session.add(file)
    db.session.flush()
    emit_created(file)
    return file


def require_acceptable(size: int) -> None:
    """Reject a file that is announced as larger than FILES_MAX_BYTES."""
    limit = current_settings().files_max_bytes
    if size > limit:
        raise too_large(limit)


def _visibility(fields: dict[str, str]) -> str | None:
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise Invalid.field(unknown[0].encode("ascii", "replace").decode(), "Unknown field.")
    value = fields.get("visibility")
    if value is not None and value not in [*Visibility]:
        raise Invalid.field("visibility", f"Must be one of: {', '.join(Visibility)}.")
    return value
