"""Read the files of a message, and decide which are attached and which become links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from heidi_common.database.models import utcnow
from heidi_common.peers.files import FileDescription, create_file_link, describe_file, read_file
from heidi_common.problems import Invalid
from heidi_services.notification.enums import Channel

MAX_ATTACHED_BYTES = 10 * 1024 * 1024
"""Of all attachments of an e-mail together, before encoding. Common mail servers accept 20 to 25 MB after it."""
LINK_LIFETIME = timedelta(days=30)
"""How long a link works, from the time at which its message is due."""
_MAX_LINK_LIFETIME = timedelta(days=365)
"""The limit of the file service."""


@dataclass(frozen=True)
class SelectedFiles:
    """The files of a message.

    Attributes:
        records: What the row of the message stores, in the order of the request.
        contents: The contents of the attached ones, by SHA-256.
    """

    records: Sequence[dict[str, Any]] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of the message."""
        return {"attachments": list(self.records) or None}


def require_email(channel: str) -> None:
    """Reject attachments of a message that is not an e-mail; raises Invalid."""
    if channel != Channel.EMAIL:
        raise Invalid.field("attachments", "Only messages of the channel EMAIL can have attachments.")


def select_files(file_ids: Sequence[UUID], *, channel: str, due_at: datetime | None) -> SelectedFiles:
    """Read the files of a message with the access token of its sender.

    Files are attached in their order, as long as they have MAX_ATTACHED_BYTES together. The others become links.

    Args:
        file_ids: The files.
        channel: The channel of the message.
        due_at: When the message is sent; None: now.

    Raises:
        Invalid: A file does not exist, is quarantined, or the sender may not read it.
        Conflict: A file is being scanned.
        Forbidden: The sender may not share a file that is too large to be attached.
        Unavailable: The file service is unavailable.
    """
    if not file_ids:
        return SelectedFiles()
    require_email(channel)
    pointers = [f"/attachments/{index}" for index in range(len(file_ids))]
    files = [describe_file(file_id, pointer) for file_id, pointer in zip(file_ids, pointers, strict=True)]
    attached = _fitting(files)
    contents = {
        file.sha256: read_file(file, pointer)
        for file, pointer in zip(files, pointers, strict=True)
        if file.id in attached
    }
    records = [
        _record(file) | ({"sha256": file.sha256} if file.id in attached else _link(file, pointer, due_at))
        for file, pointer in zip(files, pointers, strict=True)
    ]
    return SelectedFiles(records, contents)


def _fitting(files: Sequence[FileDescription]) -> set[UUID]:
    """The files that fit into one e-mail."""
    fitting, remaining = set(), MAX_ATTACHED_BYTES
    for file in files:
        if file.bytes <= remaining:
            fitting.add(file.id)
            remaining -= file.bytes
    return fitting


def _record(file: FileDescription) -> dict[str, Any]:
    return {"fileId": str(file.id), "name": file.name, "contentType": file.content_type, "bytes": file.bytes}


def _link(file: FileDescription, pointer: str, due_at: datetime | None) -> dict[str, Any]:
    """A separate link, unless everyone may download the file anyway."""
    if file.visibility == "PUBLIC":
        return {"linkId": None, "expiresAt": None}
    lifetime = max(due_at or utcnow(), utcnow()) - utcnow() + LINK_LIFETIME
    seconds = int(min(lifetime, _MAX_LINK_LIFETIME).total_seconds())
    link_id, expires_at = create_file_link(file.id, pointer, expires_in=seconds)
    return {"linkId": str(link_id), "expiresAt": expires_at}
