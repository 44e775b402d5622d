"""Verify a backup: restore it into a scratch database and compare the numbers of rows."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2 import sql

from heidi_backup import archive, creation, databases, encryption
from heidi_backup.archive import Backup, Manifest
from heidi_backup.databases import Report
from heidi_backup.programs import BackupError, find_program, run
from heidi_backup.storage import BackupStorage

MAX_JOBS = 4


def verify(dsn: str, backup: Backup, identity: str, storage: BackupStorage, report: Report) -> Manifest:
    """Restore a backup into a scratch database of a server, compare it with its manifest, and drop the database.

    Args:
        dsn: A database of the server. It is not changed.
        backup: The backup.
        identity: The secret key of an encrypted backup.
        storage: Where it is stored.
        report: Called with each step.

    Returns:
        The manifest.

    Raises:
        BackupError: The backup cannot be restored, or has other numbers of rows.
    """
    with opened(backup, identity, storage, report) as file, _scratch_database(dsn) as scratch:
        load(file, scratch, report)
        return compare(backup, scratch, storage, report)


@contextmanager
def opened(backup: Backup, identity: str, storage: BackupStorage, report: Report) -> Iterator[Path]:
    """Fetch and decrypt a backup into a temporary file."""
    with creation.work_folder(storage) as folder:
        report(f"Fetching {backup.file}, {creation.size_text(backup.size)}")
        fetched = folder / backup.file
        archive.fetch(storage, backup, fetched)
        if backup.is_encrypted:
            plain = folder / backup.kind
            encryption.decrypt(fetched, plain, identity)
            fetched.unlink()
            fetched = plain
        yield fetched


def load(file: Path, dsn: str, report: Report) -> None:
    """Restore a dump into an empty database. The first error ends it."""
    with databases.connected(dsn) as connection:
        server = databases.server_version(connection)
    program = find_program("pg_restore", server, restores=True)
    contents = run([program, "--list", str(file)])
    progress = creation.Tenths(report, "tables restored", contents.count("TABLE DATA"))
    jobs = min(MAX_JOBS, os.cpu_count() or 1)
    command = [program, "--no-owner", "--exit-on-error", "--verbose", f"--jobs={jobs}", str(file)]
    run(command, dsn, on_line=lambda line: progress.advance("finished item" in line and "TABLE DATA" in line))
    with databases.connected(dsn) as connection:
        databases.query(connection, "ANALYZE")


def compare(backup: Backup, dsn: str, storage: BackupStorage, report: Report) -> Manifest:
    """Compare the numbers of rows of a restored database with those of the manifest.

    Raises:
        BackupError: They differ.
    """
    manifest = archive.read_manifest(storage, backup)
    with databases.connected(dsn) as connection:
        rows = databases.count_rows(connection)
        revision = databases.revision(connection) or ""
    if manifest is None:
        report("The backup has no manifest: the numbers of rows were not compared")
        return Manifest(revision, 0, "", rows)
    different = sorted(name for name in manifest.rows | rows if manifest.rows.get(name) != rows.get(name))
    if different:
        lines = (f"{name}: {manifest.rows.get(name)} dumped, {rows.get(name)} restored" for name in different[:5])
        raise BackupError(f"{backup.file} was restored with other numbers of rows: {'; '.join(lines)}")
    report(f"{len(rows)} tables with {sum(rows.values()):,} rows are complete")
    return manifest


@contextmanager
def _scratch_database(dsn: str) -> Iterator[str]:
    name = f"heidi_verification_{secrets.token_hex(4)}"
    with databases.connected(databases.maintenance_dsn(dsn)) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        databases.query(connection, create)
        try:
            yield databases.with_database(dsn, name)
        finally:
            databases.query(connection, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
