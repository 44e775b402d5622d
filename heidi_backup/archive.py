"""A backup as it is stored: two files, `heidi-<time>.dump[.age]` and its manifest `heidi-<time>.json`.

The manifest is stored first, so that a backup with a manifest is complete.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from heidi_backup.programs import BackupError
from heidi_backup.storage import BackupStorage, timestamp

DUMP, BASE = "dump", "base.tar.gz"
"""Kinds: a dump of the tables, and a copy of the server's files for recovery to a point in time."""
_NAME = re.compile(r"(heidi-(\d{8}T\d{6}Z))\.(dump|base\.tar\.gz)(\.age)?")


@dataclass(frozen=True)
class Manifest:
    """What is known about a backup without decrypting it.

    Attributes:
        revision: The migration of the schema.
        server: The major version of PostgreSQL.
        sha256: Of the stored file.
        rows: Table -> number of rows in the snapshot of the dump; empty for base backups.
        wal_start: The first WAL file that a base backup needs.
    """

    revision: str
    server: int
    sha256: str
    rows: dict[str, int] = field(default_factory=dict)
    wal_start: str = ""


class Backup(NamedTuple):
    """A stored backup."""

    name: str
    kind: str
    created_at: datetime
    size: int
    is_encrypted: bool
    has_manifest: bool

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.{self.kind}{'.age' if self.is_encrypted else ''}"


def name_at(time: datetime) -> str:
    """The name of a backup that is created at this time."""
    return f"heidi-{timestamp(time)}"


def backups(storage: BackupStorage, kind: str = DUMP) -> list[Backup]:
    """List the backups of a kind, the oldest first."""
    files = {file.name: file.size for file in storage.files()}
    matches = ((_NAME.fullmatch(name), size) for name, size in sorted(files.items()))
    return [
        Backup(match[1], match[3], _parse(match[2]), size, bool(match[4]), _manifest_name(match[1], match[3]) in files)
        for match, size in matches
        if match and match[3] == kind
    ]


def select(storage: BackupStorage, name: str | None, kind: str = DUMP) -> Backup:
    """Return a backup by its name or the name of its file; without a name, the newest one.

    Raises:
        BackupError: It does not exist.
    """
    stored = backups(storage, kind)
    chosen = [item for item in stored if name in (None, item.name, item.file)]
    if not chosen:
        raise BackupError(
            f"There is no backup {name}. `flask backup list` shows them." if name else "There is no backup."
        )
    return chosen[-1]


def store(storage: BackupStorage, name: str, kind: str, file: Path, manifest: Manifest) -> Backup:
    """Store a complete file with its manifest."""
    description = file.with_name("manifest.json")
    description.write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True))
    storage.write(_manifest_name(name, kind), description)
    is_encrypted = file.suffix == ".age"
    created = Backup(name, kind, _parse(name.removeprefix("heidi-")), file.stat().st_size, is_encrypted, True)
    storage.write(created.file, file)
    return created


def read_manifest(storage: BackupStorage, backup: Backup) -> Manifest | None:
    """Read the manifest; None for a dump of a version that wrote none."""
    if not backup.has_manifest:
        return None
    return Manifest(**json.loads(b"".join(storage.read(_manifest_name(backup.name, backup.kind)))))


def fetch(storage: BackupStorage, backup: Backup, target: Path) -> None:
    """Copy a backup to this machine and compare its checksum.

    Raises:
        BackupError: It was changed or damaged since it was stored.
    """
    manifest, digest = read_manifest(storage, backup), hashlib.sha256()
    with target.open("wb") as file:
        for chunk in storage.read(backup.file):
            digest.update(chunk)
            file.write(chunk)
    if manifest and manifest.sha256 != digest.hexdigest():
        raise BackupError(f"{backup.file} is damaged: its checksum is not that of the manifest.")


def checksum(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prune(storage: BackupStorage, keep: timedelta, now: datetime) -> Iterator[Backup]:
    """Delete backups that are too old, except the newest one of each kind; yield them."""
    for kind in (DUMP, BASE):
        for backup in backups(storage, kind)[:-1]:
            if now - backup.created_at > keep:
                storage.delete(backup.file)
                storage.delete(_manifest_name(backup.name, kind))
                yield backup


def _manifest_name(name: str, kind: str) -> str:
    return f"{name}.{'json' if kind == DUMP else 'base.json'}"


def _parse(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
