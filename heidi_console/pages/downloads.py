"""Downloads through the console: read from the API in ranges, so that no file is in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Response as FlaskResponse
from flask import redirect, stream_with_context
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.api.transport import ApiCall, ApiResponse

RANGE_BYTES = 4 * 1024 * 1024
COPIED = ("Content-Type", "Content-Disposition", "Content-Security-Policy")


def download(file_id: UUID) -> Response:
    """The content of a file, as an attachment; a redirection if it is stored in S3.

    Raises:
        ApiProblem: The user may not download it.
    """
    size = calls.get(f"/files/{file_id}").data["bytes"]
    first = _read(file_id, 0) if size else calls.get(f"/files/{file_id}/content", download=True)
    if first.status == 302:
        return redirect(first.headers["Location"])
    headers = {name: first.headers[name] for name in COPIED if name in first.headers} | {"Content-Length": str(size)}
    return FlaskResponse(stream_with_context(_content(file_id, first, size)), headers=headers)


def _content(file_id: UUID, first: ApiResponse, size: int) -> Iterator[bytes]:
    yield first.content
    for start in range(RANGE_BYTES, size, RANGE_BYTES):
        yield _read(file_id, start).content


def _read(file_id: UUID, start: int) -> ApiResponse:
    headers = {"Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
    return calls.call(ApiCall("GET", f"/files/{file_id}/content", params={"download": True}, headers=headers))
