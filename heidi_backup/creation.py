"""Create a backup: dump, check, encrypt, store."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from heidi_backup import archive, databases, encryption
from heidi_backup.archive import Backup, Manifest
from heidi_backup.databases import Report
from heidi_backup.programs import BackupError, find_program, run
from heidi_backup.storage import BackupStorage, FolderOfBackups
from heidi_common.config.sections.backup import BackupSettings

_DUMPED_TABLE = re.compile(r'dumping contents of table "[^"]+"')


def create(dsn: str, settings: BackupSettings, storage: BackupStorage, report: Report) -> Backup:
    """Dump a database while no migration runs, and store the dump.

    Args:
        dsn: The database. The call waits until its first migrations have been applied.
        settings: The recipients of the encryption.
        storage: Where it is stored.
        report: Called with each step.

    Raises:
        BackupError: It cannot be created; nothing was stored.
    """
    for recipient in settings.backup_recipients:
        encryption.parse_recipient(recipient)
    databases.wait_for_schema(dsn, report)
    name = archive.name_at(datetime.now(UTC))
    with work_folder(storage) as folder:
        file = folder / archive.DUMP
        with databases.without_migrations(dsn, report) as connection:
            manifest = _dump(dsn, connection, file, report)
        return store(name, archive.DUMP, file, manifest, settings, storage, report)


def store(
    name: str,
    kind: str,
    file: Path,
    manifest: Manifest,
    settings: BackupSettings,
    storage: BackupStorage,
    report: Report,
) -> Backup:
    """Encrypt a file for the recipients of the settings, if there are any, and store it with its manifest."""
    if settings.backup_recipients:
        report(f"Encrypting {size_text(file.stat().st_size)} for {len(settings.backup_recipients)} recipients")
        encrypted = file.with_name(f"{kind}.age")
        encryption.encrypt(file, encrypted, settings.backup_recipients)
        file.unlink()
        file = encrypted
    report(f"Storing {size_text(file.stat().st_size)}")
    complete = Manifest(**vars(manifest) | {"sha256": archive.checksum(file)})
    return archive.store(storage, name, kind, file, complete)


def _dump(dsn: str, connection: object, file: Path, report: Report) -> Manifest:
    """Dump the tables, and count their rows in the same snapshot."""
    server, revision = databases.server_version(connection), databases.revision(connection)
    databases.query(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    ((snapshot,),) = databases.query(connection, "SELECT pg_export_snapshot()")
    names = databases.tables(connection)
    progress = Tenths(report, "tables dumped", len(names))
    command = [find_program("pg_dump", server), "--format=custom", "--no-owner", "--verbose"]
    run(
        [*command, f"--snapshot={snapshot}", f"--file={file}"],
        dsn,
        on_line=lambda line: progress.advance(bool(_DUMPED_TABLE.search(line.replace("public.", "")))),
    )
    rows = databases.count_rows(connection, Tenths(report, "tables counted", len(names)).reach)
    databases.query(connection, "COMMIT")
    check_contents(file, server, set(names))
    return Manifest(revision or "", server, "", rows)


def check_contents(file: Path, server: int, expected: set[str]) -> None:
    """Compare the list of contents of a dump with the tables that it must contain.

    Raises:
        BackupError: The dump is incomplete or damaged.
    """
    contents = run([find_program("pg_restore", server), "--list", str(file)])
    dumped = set(re.findall(r"TABLE DATA public (\S+)", contents))
    if missing := sorted(expected - dumped):
        raise BackupError(f"The dump lacks {len(missing)} tables: {', '.join(missing[:5])}")


@contextmanager
def work_folder(storage: BackupStorage) -> Iterator[Path]:
    """A temporary folder that only its owner can read: beside the backups, or that of TMPDIR for a bucket."""
    place = storage.folder if isinstance(storage, FolderOfBackups) else None
    if place:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=place) as folder:
        yield Path(folder)


def size_text(size: int) -> str:
    """A size for people."""
    return f"{size / 1024:,.0f} kB" if size < 10 * 1024**2 else f"{size / 1024**2:,.0f} MB"


class Tenths:
    """Reports progress at each tenth."""

    def __init__(self, report: Report, what: str, total: int) -> None:
        self._report, self._what, self._total = report, what, total
        self._done, self._reported = 0, 0

    def advance(self, count: int) -> None:
        """Add to the number that is done."""
        self.reach(self._done + count)

    def reach(self, done: int, _total: int = 0) -> None:
        """Set the number that is done."""
        self._done = done
        if self._total and done * 10 // self._total > self._reported:
            self._reported = done * 10 // self._total
            self._report(f"{done} of {self._total} {self._what}")
