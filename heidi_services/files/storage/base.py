"""The interface of a backend. Objects are written once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from heidi_common.problems import Unavailable

CHUNK_BYTES = 256 * 1024
"""How much of an object is in memory at a time."""


class StorageError(Unavailable):
    """The backend is unavailable, or lacks the object.

    Args:
        reason: What the backend says, for logs: clients do not see it.
    """

    code = "storage_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__("The storage of files is currently unavailable. Try again later.", retry_after=5)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Storage(Protocol):
    """A place where objects are stored under keys: 32 hexadecimal digits."""

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store an object. It is durable when the method returns.

        An exception of `chunks` is passed on; what was stored by then is incomplete, and the caller deletes it.

        Raises:
            StorageError: The backend is unavailable or full.
        """

    def read(self, key: str) -> Iterator[bytes]:
        """Read an object in chunks.

        Raises:
            StorageError: The object does not exist, or the backend is unavailable.
        """

    def delete(self, key: str) -> None:
        """Delete an object, also an incomplete one. Deleting an object that does not exist has no effect.

        Raises:
            StorageError: The backend is unavailable.
        """

    def locate(self, key: str, *, content_type: str, disposition: str) -> Path | str:
        """Say where a client gets an object: a path on this machine, or a URL.

        Args:
            key: The object.
            content_type: The `Content-Type` of a response to the URL.
            disposition: The `Content-Disposition` of a response to the URL.
        """
