"""Files in a folder. The router sends them, if it can read the folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from heidi_services.files.storage.base import CHUNK_BYTES, StorageError

WRITEBACK_BYTES = 8 * 1024 * 1024
"""The disk begins to write after this much. Of a large file, little is left to wait for when it is synchronized."""


class LocalStorage:
    """A folder with 256 folders below it.

    Args:
        root: The folder. It is created if it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def path(self, key: str) -> Path:
        """The path of an object. The end of a UUIDv7 is random, so that the folders fill evenly."""
        return self.root / key[-2:] / key

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        path = self.path(key)
        with _translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        begun = written = 0
        with file:
            for chunk in chunks:
                with _translated():
                    written += file.write(chunk)
                    if written - begun >= WRITEBACK_BYTES:
                        _begin_writeback(file, begun, written)
                        begun = written
            with _translated():
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(path.parent)

    def read(self, key: str) -> Iterator[bytes]:
        with _translated():
            file = self.path(key).open("rb", buffering=0)
        with file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def delete(self, key: str) -> None:
        with _translated():
            self.path(key).unlink(missing_ok=True)

    def locate(self, key: str, *, content_type: str, disposition: str) -> Path:
        return self.path(key)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the failures of the file system as StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(str(error)) from error


def _begin_writeback(file: BufferedWriter, start: int, end: int) -> None:
    """Let the disk write a part of a file, without waiting for it. Linux does so for pages that are "not needed".

    Only pages that have been written are dropped from memory, so that those of this part stay there.
    """
    file.flush()
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def _sync_folder(folder: Path) -> None:
    """Make the entry of a new file durable, and that of its folder, which may be new too."""
    for path in (folder, folder.parent):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
