"""Links to files for people without an account: signed, with an end, and revocable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from uuid_utils.compat import uuid7

from heidi_common.crypto import file_links
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_common.problems import NotFound
from heidi_services.files.enums import Visibility
from heidi_services.files.models import File, FileLink
from heidi_services.files.service import queries
from heidi_services.files.service.downloads import require_ready


@dataclass(frozen=True)
class CreatedLink:
    """A new link with its URL, which is shown only once."""

    link: FileLink
    url: str


def create(file_id: UUID, caller: Caller, *, expires_in: int, downloads: int | None) -> CreatedLink:
    """Create a link. A private file becomes visible for those with a link.

    Args:
        file_id: The file.
        caller: Its owner, or an ADMIN.
        expires_in: Seconds for which the link is valid.
        downloads: How many downloads it permits; None means any number.

    Raises:
        NotFound: The file does not exist, or the caller may not see it.
    """
    with transaction():
        file = queries.lock_own(file_id, caller)
        if file.visibility == Visibility.PRIVATE:
            file.visibility = Visibility.LINK
        link = FileLink(
            id=uuid7(),
            file_id=file.id,
            user_id=file.user_id,
            created_at=utcnow(),
            expires_at=utcnow() + timedelta(seconds=expires_in),
            max_downloads=downloads,
            downloads=0,
        )
        db.session.add(link)
    return CreatedLink(link, file_links.link_url(link.id))


def list_links(file_id: UUID, caller: Caller, query: dict[str, Any]) -> Page:
    """A page of the links of a file, newest first."""
    file = queries.get_visible(file_id, caller)
    if not queries.may_change(file, caller):
        raise queries.file_not_found()
    return newest_first(select(FileLink).where(FileLink.file_id == file.id), FileLink, query)


def revoke(file_id: UUID, link_id: UUID, caller: Caller) -> None:
    """Revoke a link.

    Raises:
        NotFound: The file or the link does not exist, or the caller may not see the file.
    """
    with transaction():
        file = queries.lock_own(file_id, caller)
        link = db.session.get(FileLink, link_id)
        if link is None or link.file_id != file.id:
            raise NotFound("Link not found.")
        db.session.delete(link)


def use(token: str, *, counts: bool) -> File:
    """Find the file of a link, and count the download.

    Args:
        token: The last part of the link's URL, from an untrusted source.
        counts: Whether this is a download: HEAD is not.

    Raises:
        NotFound: The link is invalid, expired, used up or revoked, or the file is private again.
        Conflict: The file cannot be downloaded yet.
        Forbidden: The file is quarantined.
    """
    file = db.session.scalar(select(File).join(FileLink, FileLink.file_id == File.id).where(_is_valid(_link_id(token))))
    if file is None or file.visibility == Visibility.PRIVATE:
        raise _link_not_found()
    require_ready(file)
    if counts:
        _count(_link_id(token))
    return file


def _count(link_id: UUID) -> None:
    statement = update(FileLink).where(_is_valid(link_id)).values(downloads=FileLink.downloads + 1)
    with transaction():
        counted = db.session.scalar(statement.returning(FileLink.id).execution_options(synchronize_session=False))
    if counted is None:
        raise _link_not_found()


def _is_valid(link_id: UUID) -> Any:
    is_left = or_(FileLink.max_downloads.is_(None), FileLink.downloads < FileLink.max_downloads)
    return (FileLink.id == link_id) & (FileLink.expires_at > func.now()) & is_left


def _link_id(token: str) -> UUID:
    link_id = file_links.link_id(token)
    if link_id is None:
        raise _link_not_found()
    return link_id


def _link_not_found() -> NotFound:
    return NotFound("The link is invalid, has expired, or was used as often as it may be.")
