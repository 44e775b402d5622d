"""The file of an import, from a request: a part of a form, or the body itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from heidi_common.peers.files import describe_file, read_file
from heidi_common.problems import Invalid, UnsupportedMediaType

TEXT_TYPES = (
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/json",
    "application/x-ndjson",
    "application/octet-stream",
)
MAX_STORED_BYTES = 20 * 1024 * 1024
"""Of a file of the file service. It is in memory as a whole."""
_FILE_ID = "/query/fileId"
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
}
REQUEST_BODY: dict[str, Any] = {
    "description": "The file: CSV, NDJSON or a JSON array (also as `application/json`), as the part `file` of a form,"
    " or as the body itself. With `fileId` the request has no body.",
    "required": False,
    "content": {
        "multipart/form-data": {"schema": _FORM},
        **{name: {"schema": {"type": "string"}} for name in TEXT_TYPES if name != "application/json"},
    },
}
"""The body in OpenAPI. `application/json` is left out: a JSON array is a file, and has no members to describe."""


def imported_file(file_id: UUID | None) -> bytes:
    """Read the file to import: one of the file service, or that of the current request.

    Args:
        file_id: A file that the caller may read; None: the request contains the file.

    Raises:
        Invalid: The file does not exist, is too large or empty.
        Problem: As `describe_file` and `uploaded_file` do.
    """
    if file_id is None:
        return uploaded_file()
    file = describe_file(file_id, _FILE_ID)
    if file.bytes > MAX_STORED_BYTES:
        raise Invalid.field(_FILE_ID, f"The file must have at most {MAX_STORED_BYTES} bytes. Divide it.")
    raw = read_file(file, _FILE_ID)
    if not raw.strip():
        raise Invalid.field(_FILE_ID, "The file must not be empty.")
    return raw


def uploaded_file() -> bytes:
    """Read the file of the current request. MAX_BODY_BYTES limits its size.

    Raises:
        Invalid: The form has no file, or the file is empty.
        UnsupportedMediaType: The body is neither a form nor one of TEXT_TYPES.
    """
    if request.mimetype == "multipart/form-data":
        part = request.files.get("file")
        raw = part.read() if part is not None else b""
    elif request.mimetype in TEXT_TYPES:
        raw = request.get_data()
    else:
        accepted = ", ".join(("multipart/form-data", *TEXT_TYPES))
        raise UnsupportedMediaType(f"The Content-Type must be one of {accepted}.")
    if not raw.strip():
        raise Invalid.field("file", "Must be a file that is not empty: the part `file` of a form, or the body itself.")
    return raw
