"""The body of an upload, raw or multipart, in chunks. A file is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, MultipartDecoder, NeedData
from werkzeug.sansio.multipart import File as FilePart

from heidi_common.problems import BadRequest, Invalid

CHUNK_BYTES = 64 * 1024
"""An upload of which less arrives in FILES_STALL_SECONDS is aborted."""
FIELD_BYTES = 4096
MAX_PARTS = 10

Read = Callable[[int], bytes]


class UploadBody:
    """A raw body.

    Attributes:
        name: The name that the client gave the file, if any.
        content_type: The type that the client sent, if any.
        fields: What the client sent beside the file. Complete when all chunks have been read.
    """

    def __init__(self, read: Read, *, name: str | None = None, content_type: str | None = None) -> None:
        self._read = read
        self.name, self.content_type = name, content_type
        self.fields: dict[str, str] = {}

    def chunks(self) -> Iterator[bytes]:
        """The content of the file.

        Raises:
            BadRequest: The body is incomplete.
        """
        while chunk := self._read(CHUNK_BYTES):
            yield chunk


class FormBody(UploadBody):
    """A multipart body with one file, and text fields before or after it.

    Source: RFC 7578.
    """

    def __init__(self, read: Read, content_type: str) -> None:
        super().__init__(read)
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        if not boundary:
            raise BadRequest("The `Content-Type` of a multipart body must name its `boundary`.")
        self._decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), 4 * CHUNK_BYTES, max_parts=MAX_PARTS)
        self._events = self._parse()
        self._values: dict[str, bytes] = {}

    def chunks(self) -> Iterator[bytes]:
        """The content of the file.

        Raises:
            BadRequest: The body is incomplete or malformed.
            Invalid: It has no file, several, or a field that is too long.
        """
        field: str | None = None
        has_file = False
        for event in self._events:
            if isinstance(event, FilePart):
                if has_file:
                    raise Invalid.field("file", "Send one file in each request.")
                has_file, field = True, None
                self.name, self.content_type = event.filename, event.headers.get("Content-Type")
            elif isinstance(event, Field):
                field = event.name or ""
                self._values[field] = b""
            elif isinstance(event, Data) and field is not None:
                self._add_to_field(field, event.data)
            elif isinstance(event, Data) and event.data:
                yield event.data
        if not has_file:
            raise Invalid.field("file", "Send the file as a part with a `filename`.")
        self.fields = {name: value.decode("utf-8", "replace") for name, value in self._values.items()}

    def _add_to_field(self, name: str, data: bytes) -> None:
        self._values[name] += data
        if len(self._values[name]) > FIELD_BYTES:
            raise Invalid.field(name, f"Must have at most {FIELD_BYTES} bytes.")

    def _parse(self) -> Iterator[Any]:
        try:
            while True:
                event = self._decoder.next_event()
                if isinstance(event, Epilogue):
                    return
                if isinstance(event, NeedData):
                    self._decoder.receive_data(self._read(CHUNK_BYTES) or None)
                else:
                    yield event
        except (ValueError, HTTPException) as error:
            raise BadRequest(f"The multipart body is malformed ({error}).") from None
