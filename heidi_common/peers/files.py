"""Read files of the file service with the access token of the current request, so that its rules of access apply."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from heidi_common.http_client.errors import ResponseTooLarge
from heidi_common.peers.client import call_peer, caller_headers
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.problems import Conflict, Forbidden, Invalid, Unavailable

CONTENT_SECONDS = 30.0
_SOON = {"Retry-After": "2"}
_SMALLEST = 128
"""The smallest size of a rendition, in pixels."""


@dataclass(frozen=True)
class FileDescription:
    """What the file service says about a file that can be downloaded."""

    id: UUID
    owner_id: UUID
    name: str
    content_type: str
    bytes: int
    sha256: str
    visibility: str


def describe_file(file_id: UUID, pointer: str) -> FileDescription:
    """Describe a file that the caller may read.

    Args:
        file_id: The file.
        pointer: The JSON pointer of the field that names it.

    Raises:
        Invalid: The file does not exist, the caller may not read it, or it is quarantined. Names the field.
        Conflict: `scanning`.
        Forbidden: The scopes of a machine client do not include `files:read`.
        Unavailable: The file service is unavailable.
    """
    data = _data(_call(file_id), pointer)
    if data["status"] == "QUARANTINED":
        raise Invalid.field(pointer, "A virus was detected in the file. Choose another one.", code="quarantined")
    if data["status"] == "SCANNING":
        raise Conflict(
            f"The file at `{pointer}` is being scanned for viruses. Try again later.",
            code="scanning",
            headers=_SOON,
        )
    return FileDescription(
        id=file_id,
        owner_id=UUID(data["userId"]),
        name=data["name"],
        content_type=data["contentType"],
        bytes=data["bytes"],
        sha256=data["sha256"],
        visibility=data["visibility"],
    )


def has_renditions(file: FileDescription, pointer: str) -> bool:
    """Whether a described file is an image that can be shown in smaller sizes, or will be once a worker has decoded it.

    Raises:
        As `describe_file`.
    """
    response = _call(file.id, "/content", params={"size": _SMALLEST})
    code = response.body.get("code") if isinstance(response.body, dict) else None
    if response.status == 200 or code == "rendition_pending":
        return True
    if code != "no_rendition":
        _data(response, pointer)
        raise _unavailable()
    return False


def read_file(file: FileDescription, pointer: str) -> bytes:
    """Read the content of a file that was described, and compare it with its SHA-256.

    Raises:
        As `describe_file`.
    """
    response = _call(file.id, "/content", timeout=CONTENT_SECONDS)
    if response.status != 200:
        _data(response, pointer)
        raise _unavailable()
    if hashlib.sha256(response.content).hexdigest() != file.sha256:
        raise _unavailable()
    return response.content


def create_file_link(file_id: UUID, pointer: str, *, expires_in: int) -> tuple[UUID, str]:
    """Create a link with which people without an account can download a file.

    Args:
        file_id: The file.
        pointer: The JSON pointer of the field that names it.
        expires_in: Seconds for which the link is valid.

    Returns:
        The ID of the link, and when it expires.

    Raises:
        As `describe_file`. Forbidden also if the caller may read, but not share the file.
    """
    data = _data(_call(file_id, "/links", method="POST", json={"expiresIn": expires_in}), pointer)
    return UUID(data["id"]), data["expiresAt"]


def _call(file_id: UUID, suffix: str = "", *, timeout: float = 5.0, **request: Any) -> PeerResponse:
    call = PeerRequest("files", f"/api/v1/files/{file_id}{suffix}", headers=caller_headers(), **request)
    return call_peer(call, timeout=timeout)


def _data(response: PeerResponse, pointer: str) -> dict[str, Any]:
    """The data of a successful response; raises the problem that another one means."""
    if response.ok and isinstance(response.data, dict):
        return response.data
    reason = str(response.body.get("detail", "")).rstrip(".") if isinstance(response.body, dict) else ""
    if response.status == 404:
        raise Invalid.field(pointer, "File not found.")
    if response.status == 409:
        raise Conflict(
            f"The file at `{pointer}` cannot be used now: {reason}.",
            code=response.body["code"],
            headers=_SOON,
        )
    if response.status in (401, 403):
        raise Forbidden(f"The file at `{pointer}` cannot be used: {reason}.", code=response.body["code"])
    if response.error == ResponseTooLarge.__name__:
        raise Invalid.field(pointer, "The file is too large.")
    raise _unavailable()


def _unavailable() -> Unavailable:
    return Unavailable("The file service is currently unavailable. Try again later.", retry_after=5)
