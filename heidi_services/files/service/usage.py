"""What users store, and their quota. The row of a user's usage is also the lock for changes of that user's objects."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from heidi_common.database.session import db
from heidi_common.problems import TooLarge
from heidi_common.runtime import current_settings
from heidi_services.files.models import FileUsage


def lock(user_id: UUID) -> FileUsage:
    """Lock the usage of a user until the end of the caller's transaction. The row is created if it does not exist."""
    statement = insert(FileUsage).values(user_id=user_id, bytes=0)
    touched = statement.on_conflict_do_update(index_elements=["user_id"], set_={"bytes": FileUsage.bytes})
    db.session.execute(touched)
    return db.session.get_one(FileUsage, user_id, populate_existing=True)


def change(usage: FileUsage, difference: int) -> None:
    """Add to a locked usage.

    Args:
        usage: From `lock`.
        difference: Bytes; negative if they are released.

    Raises:
        TooLarge: `quota_exceeded`.
    """
    quota = current_settings().files_quota_bytes
    if difference > 0 and usage.bytes + difference > quota:
        remaining = max(0, quota - usage.bytes)
        raise TooLarge(f"The quota leaves {remaining} of {quota} bytes. Delete files first.", code="quota_exceeded")
    usage.bytes += difference


def stored_bytes(user_id: UUID) -> int:
    """The bytes that a user stores, with those that open uploads have reserved."""
    row = db.session.get(FileUsage, user_id)
    return 0 if row is None else row.bytes
