"""Avatars: images among a user's own files. The file service sends them, at `/files/avatars/{userId}`."""

from __future__ import annotations

from uuid import UUID

from heidi_common.peers.files import describe_file, has_renditions
from heidi_common.problems import Invalid

_POINTER = "/avatarFileId"
_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def require_own_image(file_id: UUID, user_id: UUID) -> None:
    """Reject a file that cannot be the avatar of a user.

    Args:
        file_id: A file that the caller may read.
        user_id: The user whose avatar it will be.

    Raises:
        Invalid: The file does not exist or belongs to another user, is quarantined, or cannot be decoded as an image.
        Problem: As `describe_file` does, for example `scanning`.
    """
    file = describe_file(file_id, _POINTER)
    if file.owner_id != user_id:
        raise Invalid.field(_POINTER, "Must be a file of this user. Upload the image as a file of this user first.")
    if file.content_type not in _TYPES:
        raise Invalid.field(_POINTER, f"Must be an image ({', '.join(_TYPES)}), but is {file.content_type}.")
    if not has_renditions(file, _POINTER):
        raise Invalid.field(_POINTER, "The image cannot be decoded, or has too many pixels. Choose another one.")
