"""The backup process: creates, prunes and verifies backups until it is asked to stop."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from heidi_backup import archive, creation, point_in_time, records, verification
from heidi_backup.databases import Report
from heidi_backup.programs import BackupError
from heidi_backup.storage import BackupStorage
from heidi_common.config.sections.backup import BackupSettings

RETRY_SECONDS = 600
CHECK_SECONDS = 60
"""How often it is checked what is due."""


def run_forever(dsn: str, settings: BackupSettings, storage: BackupStorage, report: Report) -> None:
    """Do what is due, again and again. SIGTERM ends it at any step without leaving anything incomplete."""
    while True:
        try:
            run_due(dsn, settings, storage, report)
            pause = CHECK_SECONDS
        except BackupError as error:
            records.store(dsn, records.FAILED)
            report(f"ERROR {error} Trying again in {RETRY_SECONDS // 60} minutes.")
            pause = RETRY_SECONDS
        time.sleep(pause)


def run_due(dsn: str, settings: BackupSettings, storage: BackupStorage, report: Report) -> None:
    """Create a backup if the newest one is too old, delete old ones, and verify the newest one if it is time.

    Raises:
        BackupError: A step failed.
    """
    if _is_due(storage, archive.DUMP, settings.backup_hours):
        create_and_prune(dsn, settings, storage, report)
    if settings.backup_wal_folder and _is_due(storage, archive.BASE, settings.backup_hours):
        point_in_time.create_base(dsn, settings, storage, report)
    if _verification_is_due(dsn, settings, storage):
        newest = archive.select(storage, None)
        verification.verify(dsn, newest, settings.backup_identity, storage, report)
        records.store(dsn, records.VERIFIED)


def create_and_prune(dsn: str, settings: BackupSettings, storage: BackupStorage, report: Report) -> archive.Backup:
    """Create a backup, record it, and delete those that are too old.

    Raises:
        BackupError: It cannot be created.
    """
    backup = creation.create(dsn, settings, storage, report)
    records.store(dsn, records.CREATED)
    report(f"Created {backup.file} ({creation.size_text(backup.size)})")
    for old in archive.prune(storage, timedelta(days=settings.backup_keep_days), datetime.now(UTC)):
        report(f"Deleted {old.file}")
    return backup


def _is_due(storage: BackupStorage, kind: str, hours: int) -> bool:
    stored = archive.backups(storage, kind)
    return not stored or datetime.now(UTC) - stored[-1].created_at >= timedelta(hours=hours)


def _verification_is_due(dsn: str, settings: BackupSettings, storage: BackupStorage) -> bool:
    if not settings.backup_verify_hours or not (stored := archive.backups(storage)):
        return False
    if stored[-1].is_encrypted and not settings.backup_identity:
        return False
    hours = records.hours_since(dsn, records.VERIFIED)
    return hours is None or hours >= settings.backup_verify_hours
