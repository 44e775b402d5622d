"""The contents of attachments: copies in the database, one for each SHA-256, as long as a message needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.notification.channels.message import Attachment
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import AttachedContent, Notification

KEPT_UNUSED = timedelta(hours=1)
_BATCH = 20
_NEEDING = (NotificationStatus.PENDING, NotificationStatus.FAILED)
"""Failed messages can be retried by hand, until they are deleted."""


class ContentMissing(LookupError):
    """The content of an attachment is not stored any more."""


def store_contents(contents: Mapping[str, bytes]) -> None:
    """Store contents by their SHA-256, in the transaction of the message that needs them."""
    for sha256, content in sorted(contents.items()):  # in one order, so that two transactions cannot deadlock
        statement = insert(AttachedContent).values(sha256=sha256, content=content, used_at=func.now())
        upsert = statement.on_conflict_do_update(index_elements=["sha256"], set_={"used_at": func.now()})
        db.session.execute(upsert)


def load_attachments(records: Sequence[Mapping[str, Any]] | None) -> tuple[Attachment, ...]:
    """Read the attachments of a message; linked files are left out.

    Raises:
        ContentMissing: A content is not stored any more.
    """
    attached = [record for record in records or () if "sha256" in record]
    if not attached:
        return ()
    rows = select(AttachedContent.sha256, AttachedContent.content).where(
        AttachedContent.sha256.in_({record["sha256"] for record in attached})
    )
    contents = {row.sha256: bytes(row.content) for row in db.session.execute(rows)}
    db.session.rollback()  # no connection is held while the provider is called
    missing = [record["name"] for record in attached if record["sha256"] not in contents]
    if missing:
        raise ContentMissing(missing[0])
    return tuple(Attachment(record["name"], record["contentType"], contents[record["sha256"]]) for record in attached)


def delete_unused() -> bool:
    """Delete a part of the contents that no pending or failed message needs; returns whether some may be left.

    A content that a transaction is just storing again is locked, and left out.
    """
    by_content = func.jsonb_build_array(func.jsonb_build_object("sha256", AttachedContent.sha256))
    needed = select(literal(1)).where(
        Notification.attachments.is_not(None),
        Notification.status.in_(_NEEDING),
        Notification.attachments.contains(by_content),
    )
    unused = (
        select(AttachedContent.sha256)
        .where(AttachedContent.used_at < func.now() - KEPT_UNUSED, ~needed.exists())
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    statement = delete(AttachedContent).where(AttachedContent.sha256.in_(unused.scalar_subquery()))
    with transaction():
        result = db.session.execute(statement.execution_options(synchronize_session=False))
    return bool(result.rowcount == _BATCH)  # type: ignore[attr-defined]
