"""Read the body of an upload in chunks, without the limits that other requests have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from heidi_common.interceptors.timeout import exempt_request
from heidi_common.problems import BadRequest
from heidi_common.runtime import current_settings
from heidi_services.files.content import too_large
from heidi_services.files.stall_guard import guard
from heidi_services.files.upload_body import Read

FORM_BYTES = 64 * 1024
"""What a multipart body may have beside the file."""


class Incomplete(BadRequest):
    """The client has closed the connection, or sent nothing for too long."""

    code = "incomplete_body"


@contextmanager
def streamed_body() -> Iterator[Read]:
    """Read the body of the current request in chunks: `read(size)` returns at most `size` bytes, none at the end.

    REQUEST_TIME_LIMIT does not apply to the request. It ends if it stalls.

    Raises (`Incomplete` from `read` only):
        Incomplete: The body ends too early.
        TooLarge: It exceeds FILES_MAX_BYTES.
    """
    settings = current_settings()
    request.max_content_length = settings.files_max_bytes + FORM_BYTES
    exempt_request()
    body = _Body(settings.files_max_bytes)
    with guard.watch(request.environ.get("gunicorn.socket"), settings.files_stall_seconds) as progress:

        def read(size: int) -> bytes:
            chunk = body.read(size)
            progress()
            return chunk

        yield read


class _Body:
    """The body of the current request.

    gunicorn ends it without an error if the connection breaks, and werkzeug relies on that: the length must be checked.
    gunicorn's input is read directly, since it ends with the body: werkzeug's stream copies each chunk twice.
    """

    def __init__(self, limit: int) -> None:
        """Raises TooLarge if the announced length exceeds the limit."""
        if (request.content_length or 0) > limit + FORM_BYTES:
            raise too_large(limit)
        self._limit = limit
        self._received = 0
        self._reads_directly = "gunicorn.socket" in request.environ

    def read(self, size: int) -> bytes:
        try:
            chunk = (request.environ["wsgi.input"] if self._reads_directly else request.stream).read(size)
        except RequestEntityTooLarge:
            raise too_large(self._limit) from None
        except (ClientDisconnected, OSError, ValueError, ParseException):
            raise _incomplete() from None
        self._received += len(chunk)
        if self._received > self._limit + FORM_BYTES:
            raise too_large(self._limit)
        if not chunk and self._received < (request.content_length or 0):
            raise _incomplete()
        return chunk


def discard_rest(response: Response) -> Response:
    """Read what a rejected request has not read yet, before the response is sent.

    The server would close the connection otherwise. The router could then lose the response while it still sends.
    Only gunicorn's input ends with the body; that of a development server waits for bytes that never come.
    """
    connection = request.environ.get("gunicorn.socket")
    if connection is None or response.status_code < 400 or request.method not in ("POST", "PATCH"):
        return response
    exempt_request()
    settings, body = current_settings(), request.environ["wsgi.input"]
    remaining = min(request.content_length or 0, settings.files_max_bytes + 2 * FORM_BYTES)
    with (
        suppress(OSError, ParseException),
        guard.watch(connection, settings.files_stall_seconds) as progress,
    ):
        while remaining > 0 and (chunk := body.read(min(remaining, FORM_BYTES))):
            remaining -= len(chunk)
            progress()
    return response


def _incomplete() -> Incomplete:
    return Incomplete("The body ended early, or stalled.")
