"""Dump the database of DATABASE_URL (or of the standalone platform) to `backups/` and delete dumps older than 30 days.

Restore a dump with `pg_restore --clean --if-exists --no-owner --dbname=... backups/heidi-....dump`. It contains
credentials encrypted with ENCRYPTION_KEYS. Store the keys in another place: without them a dump cannot be used.
"""

import datetime
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

from heidi_common.config.secret_files import value_of
from heidi_common.config.sections.processes import environment

RETENTION_DAYS = 30
FOLDER = Path("backups")


def pg_dump() -> str:
    """Locate pg_dump, which must not be older than the server: that of the wheel, else that of the machine."""
    from heidi_standalone.servers.postgres import BINARIES

    return shutil.which("pg_dump", path=f"{BINARIES}:{os.environ.get('PATH', '')}") or "pg_dump"


def dump(url: str, folder: Path, now: datetime.datetime) -> Path:
    """Dump the database. The file gets its final name when it is complete."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"heidi-{now:%Y%m%dT%H%M%SZ}.dump"
    unfinished = target.with_suffix(".unfinished")
    dsn = url.replace("+psycopg2", "", 1)
    subprocess.run([pg_dump(), "--format=custom", "--no-owner", f"--file={unfinished}", f"--dbname={dsn}"], check=True)
    return unfinished.rename(target)


def delete_old_dumps(folder: Path, now: float) -> list[Path]:
    """Delete dumps that are past the retention period, except the newest one.

    Args:
        folder: Folder of the dumps.
        now: Seconds since 1970.

    Returns:
        The deleted files.
    """
    dumps = sorted(folder.glob("heidi-*.dump"))
    old = [file for file in dumps[:-1] if now - file.stat().st_mtime > RETENTION_DAYS * 86400]
    for file in old:
        file.unlink()
    return old


def record(url: str, result: str) -> None:
    """Store when a backup was `created` or has `failed`, for the alerts on backups."""
    with psycopg2.connect(url.replace("+psycopg2", "", 1)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO platform_states (name, subject, value, changed_at) VALUES ('backup', %s, 1, now())"
            " ON CONFLICT (name, subject) DO UPDATE SET changed_at = now()",
            [result],
        )


if __name__ == "__main__":
    url = value_of(environment(), "DATABASE_URL")
    try:
        target = dump(url, FOLDER, datetime.datetime.now(datetime.UTC))
    except subprocess.CalledProcessError:
        record(url, "failed")
        raise
    deleted = delete_old_dumps(FOLDER, time.time())
    record(url, "created")
    sys.stdout.write(f"{target} ({target.stat().st_size} bytes); {len(deleted)} old dumps deleted\n")
