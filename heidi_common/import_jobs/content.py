"""The file of an import, encrypted in the database until the import has ended."""

from __future__ import annotations

import base64
from uuid import UUID

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.import_jobs.models import ImportContent


def seal(import_id: UUID, raw: bytes) -> ImportContent:
    """Encrypt a file for its import."""
    sealed = field_encryptor().encrypt(base64.b64encode(raw).decode(), context=_context(import_id))
    return ImportContent(import_id=import_id, sealed=sealed)


def unseal(content: ImportContent) -> bytes:
    """Decrypt the file of an import.

    Raises:
        DecryptionError: No key decrypts it.
    """
    return base64.b64decode(field_encryptor().decrypt(content.sealed, context=_context(content.import_id)))


def _context(import_id: UUID) -> bytes:
    return b"import:" + import_id.bytes
