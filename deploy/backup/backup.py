"""Dump the database of DATABASE_URL (else of the standalone platform) into ``backups/``, drop dumps older than 30 days.

Restore with ``pg_restore --clean --if-exists --no-owner --dbname=... backups/heidi-....dump``. A dump holds credentials
encrypted with ENCRYPTION_KEYS: keep these elsewhere, without them a dump cannot be used.
"""

import datetime
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from heidi_common.cli.doctor import environment
from heidi_common.config.secret_files import value_of

KEEP_DAYS = 30
FOLDER = Path("backups")


def pg_dump() -> str:
    """The machine's own, else the wheel's; it must not be older than the server."""
    from heidi_standalone.servers.postgres import BINARIES

    return shutil.which("pg_dump", path=f"{BINARIES}:{os.environ.get('PATH', '')}") or "pg_dump"


def dump(url: str, folder: Path, now: datetime.datetime) -> Path:
    """A whole dump or none: it has its name only when it is complete."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"heidi-{now:%Y%m%dT%H%M%SZ}.dump"
    unfinished = target.with_suffix(".unfinished")
    dsn = url.replace("+psycopg2", "", 1)
    subprocess.run([pg_dump(), "--format=custom", "--no-owner", f"--file={unfinished}", f"--dbname={dsn}"], check=True)
    return unfinished.rename(target)


def drop_old(folder: Path, now: float) -> list[Path]:
    """The newest one always stays."""
    dumps = sorted(folder.glob("heidi-*.dump"))
    old = [one for one in dumps[:-1] if now - one.stat().st_mtime > KEEP_DAYS * 86400]
    for one in old:
        one.unlink()
    return old


if __name__ == "__main__":
    made = dump(value_of(environment(), "DATABASE_URL"), FOLDER, datetime.datetime.now(datetime.UTC))
    dropped = drop_old(FOLDER, time.time())
    sys.stdout.write(f"{made} ({made.stat().st_size} bytes); {len(dropped)} old dropped\n")
