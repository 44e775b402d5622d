"""The parameters of Firebase projects whose users were imported, stored encrypted."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.reencryption import reencrypt_column
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import FirebaseProject
from heidi_common.identity.password_formats.firebase_hash import FirebaseParameters
from heidi_common.identity.password_formats.stored_hash import InvalidHash

log = logging.getLogger(__name__)
_FIND = CompiledStatement(select(FirebaseProject.sealed).where(FirebaseProject.id == bindparam("project_id")))


def store(parameters: FirebaseParameters) -> UUID:
    """Store the parameters of a project, unless they are stored already.

    Returns:
        Their ID, which the stored hashes contain.
    """
    with transaction():
        for project in db.session.scalars(select(FirebaseProject)):
            if _decrypt(project.id, project.sealed) == parameters:
                return project.id
        project_id = uuid7()
        sealed = field_encryptor().encrypt(asdict(parameters), context=_context(project_id))
        db.session.add(FirebaseProject(id=project_id, sealed=sealed))
    return project_id


class Finder:
    """Finds the parameters of projects by ID, and keeps those that it has read: they never change."""

    def __init__(self) -> None:
        self._known: dict[UUID, FirebaseParameters] = {}

    def find(self, project_id: UUID) -> FirebaseParameters | None:
        """Find the parameters of a project; None if they are not stored or no key decrypts them."""
        if project_id not in self._known:
            row = _FIND.first(project_id=project_id)
            parameters = _decrypt(project_id, row.sealed) if row else None
            if parameters is None:
                return None
            self._known[project_id] = parameters
        return self._known[project_id]


def reencrypt_all() -> tuple[int, list[UUID]]:
    """Re-encrypt all parameters with the first of ENCRYPTION_KEYS.

    Returns:
        How many were changed, and the IDs of those that no key decrypts.
    """
    return reencrypt_column(FirebaseProject.id, FirebaseProject.sealed, _context)


def _decrypt(project_id: UUID, sealed: str) -> FirebaseParameters | None:
    try:
        values: dict[str, Any] = field_encryptor().decrypt(sealed, context=_context(project_id))
        return FirebaseParameters(**values)
    except (DecryptionError, InvalidHash):
        log.error("the parameters of a Firebase project cannot be decrypted", extra={"project_id": str(project_id)})
        return None


def _context(project_id: UUID) -> bytes:
    return b"firebase:" + project_id.bytes
