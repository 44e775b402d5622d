"""Where backups are stored: a folder, or a bucket of S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from heidi_backup.programs import BackupError
from heidi_common.config.sections.backup import BackupSettings
from heidi_common.server.durable_files import replace_durably

CHUNK_BYTES = 1024 * 1024


class StoredFile(NamedTuple):
    """A file in the storage."""

    name: str
    size: int


class BackupStorage(Protocol):
    """A place for files, each of which appears under its name when it is complete."""

    def files(self) -> list[StoredFile]:
        """List the files."""

    def write(self, name: str, source: Path) -> None:
        """Store a file."""

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file in chunks."""

    def delete(self, name: str) -> None:
        """Delete a file."""


def open_storage(settings: BackupSettings) -> BackupStorage:
    """The storage of BACKUP_URL.

    Raises:
        BackupError: The URL is invalid.
    """
    url = settings.backup_url
    if not url.startswith("s3:"):
        return FolderOfBackups(Path(urlsplit(url).path) if url else Path("backups"))
    from heidi_backup.bucket import open_bucket  # loads AWS's SDK

    return open_bucket(settings)


class FolderOfBackups:
    """A folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def files(self) -> list[StoredFile]:
        if not self.folder.is_dir():
            return []
        paths = (path for path in sorted(self.folder.iterdir()) if path.is_file() and path.suffix != ".unfinished")
        return [StoredFile(path.name, path.stat().st_size) for path in paths]

    def write(self, name: str, source: Path) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.folder / f"{name}.unfinished"
        try:
            with source.open("rb") as reader, os.fdopen(_create(unfinished), "wb") as writer:
                while chunk := reader.read(CHUNK_BYTES):
                    writer.write(chunk)
                writer.flush()
                os.fsync(writer.fileno())
            replace_durably(unfinished, self.folder / name)
        finally:
            unfinished.unlink(missing_ok=True)

    def read(self, name: str) -> Iterator[bytes]:
        try:
            with (self.folder / name).open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise BackupError(f"{self.folder / name} cannot be read: {error.strerror}") from None

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)


def _create(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def timestamp(time: datetime) -> str:
    """The time in the name of a file: in UTC, so that names sort by age."""
    return f"{time:%Y%m%dT%H%M%SZ}"
