"""Backups in a bucket of S3. What is uploaded in parts appears when all of them have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heidi_backup.programs import BackupError
from heidi_backup.storage import CHUNK_BYTES, StoredFile
from heidi_common.config.sections.backup import BackupSettings
from heidi_services.files.storage.base import StorageError
from heidi_services.files.storage.s3 import Bucket, S3Storage


def open_bucket(settings: BackupSettings) -> BucketOfBackups:
    """The bucket of BACKUP_URL.

    Raises:
        BackupError: The URL is invalid.
    """
    try:
        bucket = Bucket.from_url(settings.backup_url, variable="BACKUP_URL")
    except ValueError as error:
        raise BackupError(str(error)) from None
    return BucketOfBackups(S3Storage(bucket, settings.backup_access_key_id, settings.backup_secret_access_key))


class BucketOfBackups:
    """A bucket, by the client of the file service."""

    def __init__(self, objects: S3Storage) -> None:
        self._objects = objects

    def files(self) -> list[StoredFile]:
        with _translated():
            return [StoredFile(name, size) for name, size in self._objects.listed()]

    def write(self, name: str, source: Path) -> None:
        with source.open("rb") as reader, _translated():
            self._objects.write(name, iter(lambda: reader.read(CHUNK_BYTES), b""))

    def read(self, name: str) -> Iterator[bytes]:
        with _translated():
            yield from self._objects.read(name)

    def delete(self, name: str) -> None:
        with _translated():
            self._objects.delete(name)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise BackupError(f"The bucket of BACKUP_URL cannot be used: {error}") from None
