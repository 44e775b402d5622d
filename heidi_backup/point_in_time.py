"""Recovery to a point in time: a copy of the server's files (base backup), and the WAL that the server archives
since then.

The server archives with `archive_command = ARCHIVE_COMMAND` and `archive_mode = on`. A WAL file that is not full is
archived after `archive_timeout`, which bounds what a lost server costs.
"""

from __future__ import annotations

import re
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from heidi_backup import archive, creation, databases, verification
from heidi_backup.archive import Backup, Manifest
from heidi_backup.databases import Report
from heidi_backup.programs import BackupError, find_program, run
from heidi_backup.storage import BackupStorage
from heidi_common.config.sections.backup import BackupSettings

ARCHIVE_COMMAND = (
    "test ! -f {folder}/%f && cp %p {folder}/%f.unfinished && sync {folder}/%f.unfinished"
    " && mv {folder}/%f.unfinished {folder}/%f"
)
"""Each WAL file gets its name when it is complete and on the disk. A file is never replaced."""
_WAL_START = re.compile(rb"START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)")


def create_base(dsn: str, settings: BackupSettings, storage: BackupStorage, report: Report) -> Backup:
    """Copy the files of the running server, store them, and delete WAL that no base backup needs any more.

    Args:
        dsn: The server. The role needs REPLICATION, and pg_hba.conf must allow it to replicate.
        settings: The recipients of the encryption, and the folder of archived WAL.
        storage: Where it is stored.
        report: Called with each step.

    Raises:
        BackupError: The server cannot be copied; nothing was stored.
    """
    with databases.connected(dsn) as connection:
        server, revision = databases.server_version(connection), databases.revision(connection)
    report("Copying the files of the server")
    with creation.work_folder(storage) as folder:
        command = [find_program("pg_basebackup", server), f"--pgdata={folder}", "--format=tar", "--gzip"]
        run([*command, "--wal-method=fetch", "--checkpoint=fast", "--no-password"], dsn)
        file = folder / archive.BASE
        manifest = Manifest(revision or "", server, "", wal_start=_first_wal(file))
        name = archive.name_at(datetime.now(UTC))
        backup = creation.store(name, archive.BASE, file, manifest, settings, storage, report)
    if settings.backup_wal_folder:
        _delete_old_wal(Path(settings.backup_wal_folder), server, storage)
    report(f"Created {backup.file} ({creation.size_text(backup.size)})")
    return backup


def recover(
    folder: Path,
    until: datetime,
    settings: BackupSettings,
    storage: BackupStorage,
    report: Report,
    *,
    wal_folder: str | None = None,
) -> Backup:
    """Prepare the data folder of a server that recovers to a point in time when it is started.

    Args:
        folder: The data folder. It must be empty.
        until: The point in time. Transactions that were committed later are left out.
        settings: The secret key of encrypted backups, and the folder of archived WAL.
        storage: Where the base backups are stored.
        report: Called with each step.
        wal_folder: The folder of archived WAL as the server sees it, if it differs.

    Returns:
        The base backup that was used.

    Raises:
        BackupError: There is no base backup from before that time, or the folder is not empty.
    """
    if not settings.backup_wal_folder:
        raise BackupError("Set BACKUP_WAL_FOLDER to the folder of archived WAL.")
    if folder.is_dir() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty. Move its content to another place first.")
    earlier = [item for item in archive.backups(storage, archive.BASE) if item.created_at <= until]
    if not earlier:
        raise BackupError(f"There is no base backup from before {until.isoformat()}. `flask backup list` shows them.")
    with verification.opened(earlier[-1], settings.backup_identity, storage, report) as file:
        report(f"Unpacking into {folder}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tarfile.open(file) as archive_file:
            archive_file.extractall(folder, filter="data")
    for lock in folder.glob(".s.PGSQL.*"):  # of the copied server, if its socket is in its folder
        lock.unlink()
    _write_recovery(folder, until, wal_folder or settings.backup_wal_folder)
    return earlier[-1]


def _write_recovery(folder: Path, until: datetime, wal_folder: str) -> None:
    lines = {
        "restore_command": f'cp "{wal_folder}/%f" "%p"',
        "recovery_target_time": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}",
        "recovery_target_action": "promote",
    }
    with (folder / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in lines.items())
    (folder / "recovery.signal").touch(mode=0o600)


def _first_wal(file: Path) -> str:
    """The first WAL file that is needed: the copy names it in `backup_label`, which is its first file."""
    with tarfile.open(file) as archive_file:
        for member in archive_file:
            if member.name == "backup_label" and (label := archive_file.extractfile(member)):
                match = _WAL_START.search(label.read())
                return match[1].decode() if match else ""
    raise BackupError("The copy of the server has no backup_label.")


def _delete_old_wal(folder: Path, server: int, storage: BackupStorage) -> None:
    oldest = archive.read_manifest(storage, archive.backups(storage, archive.BASE)[0])
    if oldest and oldest.wal_start:
        run([find_program("pg_archivecleanup", server), str(folder), oldest.wal_start])
