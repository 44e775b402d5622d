"""The password of an imported user: hashed, or a hash of another system that is checked before it is stored."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.identity.password_formats import firebase_hash
from heidi_common.identity.password_formats.stored_hash import InvalidHash
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import password_error


class RejectedPassword(ValueError):
    """Why a line is refused. The message names the field, and never contains the password or the hash."""


def take_hash(values: dict[str, Any], project_id: UUID | None) -> str | None:
    """Remove the fields of the password from the values of a line.

    Args:
        values: A loaded `UserImportIn`.
        project_id: The ID of the Firebase parameters to which hashes with a salt belong.

    Returns:
        The hash to store; None for a user who has to choose a password.

    Raises:
        RejectedPassword: The password or the hash is not accepted.
    """
    password, stored = values.pop("password", None), values.pop("password_hash", None)
    salt = values.pop("password_salt", None)
    if stored is not None:
        return _checked(_with_salt(stored, salt, project_id))
    if salt is not None:
        raise RejectedPassword("passwordSalt: belongs to a passwordHash, which is missing")
    return _hashed(password, values) if password is not None else None


def _with_salt(stored: str, salt: str | None, project_id: UUID | None) -> str:
    if salt is None:
        # A hash from another installation's export refers to parameters that are stored there.
        return firebase_hash.rebind(stored, project_id) if project_id else stored
    if project_id is None:
        raise RejectedPassword("passwordSalt: is only for Firebase hashes; pass the project's --firebase-config")
    return firebase_hash.compose(project_id, salt, stored)


def _checked(stored: str) -> str:
    try:
        password_hasher().read(stored)
    except InvalidHash as error:
        raise RejectedPassword(f"passwordHash: {error}") from None
    return stored


def _hashed(password: str, values: dict[str, Any]) -> str:
    error = password_error(password, (values["email"], values.get("first_name"), values.get("last_name")))
    if error:
        raise RejectedPassword(f"password: {error}")
    return password_hasher().hash(password)
