"""Whose data a request reads, where `?userId=` may name another user than the caller."""

from __future__ import annotations

from uuid import UUID

from flask import request

from heidi_common.jwt.guards import caller
from heidi_common.peers.signature import is_valid_peer
from heidi_common.problems import Forbidden


def readable_user(user_id: UUID | None) -> UUID:
    """The user whose data is read: by default the caller. An ADMIN may name any user.

    Raises:
        Forbidden: Another caller names another user.
    """
    if user_id in (None, caller().id):
        return caller().id
    if not caller().is_admin:
        raise Forbidden("Only an ADMIN can read the data of another user.")
    return user_id


def exported_user(user_id: UUID | None) -> UUID:
    """The user whose data is exported: by default the caller.

    Another user can be named by another service only, which has written the export of an ADMIN to the audit trail.

    Raises:
        Forbidden: The request names another user, and is not part of such an export.
    """
    subject = readable_user(user_id)
    if subject != caller().id and not is_valid_peer(request.headers):
        raise Forbidden("Use `GET /users/{id}/export`, which is audited, to read all data of another user.")
    return subject
