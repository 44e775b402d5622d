"""Divide the bytes of a request into parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from heidi_common.problems import TooLarge


class Parts:
    """Divides chunks into parts of about `size` bytes."""

    def __init__(self, chunks: Iterable[bytes], size: int) -> None:
        self._chunks, self._size = iter(chunks), max(1, size)
        self.is_exhausted = False

    def next_part(self) -> Iterator[bytes]:
        sent = 0
        while sent < self._size:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.is_exhausted = True
                return
            sent += len(chunk)
            yield chunk

    def require_end(self, size: int) -> None:
        """Reject bytes behind the end of the upload."""
        if not self.is_exhausted and next(self._chunks, None) is not None:
            raise exceeds_length(size)


def exceeds_length(size: int) -> TooLarge:
    """The error of bytes behind the end of an upload."""
    return TooLarge(f"The bytes exceed the `Upload-Length` of {size}.")
