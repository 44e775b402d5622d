"""Read the avatar of a user: the file that `avatar_file_id` of the account names."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role, User
from heidi_common.jwt.guards import Caller
from heidi_common.problems import NotFound
from heidi_services.files.enums import Visibility
from heidi_services.files.models import File
from heidi_services.files.service.downloads import require_ready


def get_avatar(user_id: UUID, caller: Caller | None) -> File:
    """Read the file of an avatar that the caller may see.

    Args:
        user_id: The user.
        caller: None for a request without a token.

    Raises:
        NotFound: `no_avatar`. The user does not exist or has none, or the caller may not see it.
        Conflict: `scanning`.
        Forbidden: `quarantined`.
    """
    avatar = select(File).join(User, File.id == User.avatar_file_id)
    file = db.session.scalar(avatar.where(User.id == user_id, File.user_id == user_id, User.deleted_at.is_(None)))
    if file is None or not (file.visibility == Visibility.PUBLIC or _may_read_account(user_id, caller)):
        raise NotFound("The user has no avatar, or you may not see it.", code="no_avatar")
    require_ready(file)
    return file


def _may_read_account(user_id: UUID, caller: Caller | None) -> bool:
    """As `GET /users/{id}` decides."""
    if caller is None:
        return False
    return caller.id == user_id or caller.kind == "client" or caller.role in (Role.ADMIN, Role.MODERATOR)
