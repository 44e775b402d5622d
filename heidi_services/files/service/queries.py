"""Read the files that a caller may see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.identity.models import User
from heidi_common.identity.scopes import Scope
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Forbidden, Invalid, NotFound
from heidi_services.files.enums import FileStatus, ScanStatus, Visibility
from heidi_services.files.models import File, StoredObject

_SCANS = {
    FileStatus.SCANNING: (ScanStatus.PENDING,),
    FileStatus.QUARANTINED: (ScanStatus.INFECTED,),
    FileStatus.READY: (ScanStatus.NOT_SCANNED, ScanStatus.CLEAN),
}


def file_not_found() -> NotFound:
    """The error for a file that does not exist or that the caller may not see."""
    return NotFound("File not found.")


def get_visible(file_id: UUID, caller: Caller) -> File:
    """Read a file of the caller, or any file for an ADMIN or a machine client; public files for everyone.

    Raises:
        NotFound: The file does not exist, or the caller may not see it.
    """
    file = db.session.get(File, file_id)
    if file is None or not may_see(file, caller):
        raise file_not_found()
    return file


def lock_own(file_id: UUID, caller: Caller) -> File:
    """Lock a file that the caller may change, until the end of the transaction.

    Raises:
        NotFound: The file does not exist, or the caller may not see it.
        Forbidden: It is a public file of another user.
    """
    file = db.session.get(File, file_id, with_for_update={"of": File}, populate_existing=True)
    if file is None or not may_see(file, caller):
        raise file_not_found()
    if not may_change(file, caller):
        raise Forbidden("The file belongs to another user.")
    return file


def may_see(file: File, caller: Caller | None) -> bool:
    """Whether a file is public, or the caller may change it."""
    return file.visibility == Visibility.PUBLIC or (caller is not None and may_change(file, caller))


def may_change(file: File, caller: Caller) -> bool:
    """Whether the caller is the owner, an ADMIN, or a machine client, whose scopes the guard has checked."""
    return file.user_id == caller.id or _sees_all(caller)


def _sees_all(caller: Caller) -> bool:
    return caller.is_admin or caller.kind == "client"


def list_files(caller: Caller, query: dict[str, Any]) -> Page:
    """A page of the caller's files, newest first; for an ADMIN or a machine client those of all users."""
    statement: Select[Any] = select(File)
    if not _sees_all(caller):
        statement = statement.where(File.user_id == caller.id)
    for name in ("user_id", "visibility"):
        if query.get(name) is not None:
            statement = statement.where(getattr(File, name) == query[name])
    if query.get("status") is not None:
        scans = StoredObject.scan_status.in_(_SCANS[FileStatus(query["status"])])
        statement = statement.where(File.object_id.in_(select(StoredObject.id).where(scans)))
    return newest_first(statement, File, query)


def owner_of_upload(caller: Caller, user_id: UUID | None) -> UUID:
    """For whom the caller uploads a file: users for themselves, an ADMIN and machine clients for any user.

    Raises:
        Invalid: A machine client does not name the user, or the user does not exist.
        Forbidden: The caller names another user.
    """
    if user_id is None:
        if caller.kind == "client":
            raise Invalid.field("/query/userId", "Machine clients must specify `userId`.")
        return caller.id
    if user_id == caller.id:
        return user_id
    if not (caller.is_admin or Scope.FILES_WRITE in caller.scopes):
        raise Forbidden("Only an ADMIN can upload files for another user.")
    if db.session.scalar(select(User.id).where(User.id == user_id, User.deleted_at.is_(None))) is None:
        raise Invalid.field("/query/userId", "The user does not exist.")
    return user_id
