"""The signed-in user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from heidi_common.database.compiled import CompiledStatement
from heidi_common.identity import second_factor
from heidi_common.identity.models import User
from heidi_common.identity.serializers import PUBLIC_COLUMNS, serialize_user_json
from heidi_common.problems import Unauthorized

_ME = CompiledStatement(
    select(
        *PUBLIC_COLUMNS,
        User.version,
        second_factor.IS_ACTIVE.label("mfa_enabled"),
        second_factor.REMAINING_CODES.label("recovery_codes_remaining"),
    ).where(User.id == bindparam("user_id"), User.deleted_at.is_(None)),
    prepared=True,
)


@dataclass(frozen=True)
class Me:
    """The JSON object of `MeOut`, and its ETag.

    The tag is that of `/users/me`, extended by the state of the second factor, which has no version.
    """

    json: dict[str, Any]
    etag: str


def read_me(user_id: UUID) -> Me:
    """Read a user and the state of their second factor, in one round trip.

    Raises:
        Unauthorized: The user has been deleted.
    """
    row = _ME.first(user_id=user_id)
    if row is None:
        raise Unauthorized("The session has ended.", error="invalid_token")
    factor = {"mfaEnabled": row.mfa_enabled, "recoveryCodesRemaining": row.recovery_codes_remaining}
    state = f"-{row.recovery_codes_remaining}" if row.mfa_enabled else ""
    return Me(serialize_user_json(row) | factor, f'"{row.id.hex}{state}.{row.version}"')
