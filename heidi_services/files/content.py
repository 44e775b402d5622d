"""The content of an upload on its way to storage: counted, hashed and limited."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from heidi_common.problems import TooLarge

HEAD_BYTES = 8192
"""As much of the beginning as the detection of types needs."""


class Content:
    """Chunks that pass through unchanged. The attributes are complete when all of them have been read.

    Args:
        chunks: The content.
        limit: Maximum size in bytes.

    Attributes:
        size: The number of bytes so far.
        head: The beginning of the content.
    """

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self._chunks, self._limit = chunks, limit
        self._sha256 = hashlib.sha256()
        self.size = 0
        self.head = b""

    def __iter__(self) -> Iterator[bytes]:
        """Raises TooLarge as soon as the limit is exceeded."""
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise too_large(self._limit)
            self._sha256.update(chunk)
            if len(self.head) < HEAD_BYTES:
                self.head += chunk[: HEAD_BYTES - len(self.head)]
            yield chunk

    @property
    def sha256(self) -> str:
        """The SHA-256 of the chunks so far, in hexadecimal digits."""
        return self._sha256.hexdigest()


def too_large(limit: int) -> TooLarge:
    """The error of a file that exceeds FILES_MAX_BYTES."""
    return TooLarge(f"A file must not exceed {limit} bytes.")
