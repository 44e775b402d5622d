"""The URLs with which people without an account download a file: they contain the signed ID of a link.

The file service creates and verifies them. Notification knows the IDs only, and writes the URLs into e-mails.
"""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadSignature

from heidi_common.crypto.signed_values import value_signer
from heidi_common.runtime import current_settings

_SALT = "file-link"


def link_url(link_id: UUID) -> str:
    """The URL of a link."""
    return f"{current_settings().public_base_url}/api/v1/files/links/{_sign(link_id)}"


def link_id(token: str) -> UUID | None:
    """The ID of the link that a URL ends with; None if it is not signed."""
    try:
        identifier = UUID(value_signer(_SALT).unsign(token).decode())
    except (BadSignature, ValueError):
        return None
    return identifier if _sign(identifier) == token else None  # base64 has several forms of the same signature


def content_url(file_id: UUID) -> str:
    """The URL of a public file."""
    return f"{current_settings().public_base_url}/api/v1/files/{file_id}/content"


def _sign(identifier: UUID) -> str:
    return value_signer(_SALT).sign(identifier.hex).decode()
