"""Liveness probe of background processes: `python -m workers.heartbeat ROLE` exits with 0 if all of them are alive.

It exits with 1 if one hangs or none is running, and with 2 if it cannot check. It checks the processes of the role on
this machine: by their rows in the database, and by their files if the database is unavailable or has no row of a
process yet. With `--kill` it kills those that hang, for an orchestrator that restarts ended containers but not
unhealthy ones.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg2

from heidi_common.config.sections.processes import environment
from heidi_common.config.settings import ConfigError, Settings
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.server.heartbeat_files import ROLES, STALE_SECONDS, file_age, heartbeat_folder, running_files

_TIMEOUT_SECONDS = 2
_AGES = """
SELECT process_id, extract(epoch FROM now() - beat_at) FROM heartbeats WHERE role = %s AND host = %s
"""


def hanging(role: str, folder: Path, database_url: str) -> dict[int, float] | None:
    """Find the processes of a role on this machine that hang.

    Args:
        role: One of ROLES.
        folder: The folder of the heartbeats' files.
        database_url: The database with the table `heartbeats`.

    Returns:
        Process ID -> seconds since the last heartbeat; None if no process of the role is running.
    """
    running = running_files(role, folder)
    if not running:
        return None
    rows = _row_ages(role, database_url)
    ages = {process_id: rows.get(process_id, file_age(file)) for process_id, file in running.items()}
    return {process_id: age for process_id, age in ages.items() if age > STALE_SECONDS}


def _row_ages(role: str, database_url: str) -> Mapping[int, float]:
    """Process -> seconds since the last heartbeat in the database; empty if the database is unavailable."""
    options = f"-c statement_timeout={_TIMEOUT_SECONDS}s"
    dsn = psycopg2_dsn(database_url)
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=_TIMEOUT_SECONDS, options=options)) as connection:
            cursor = connection.cursor()
            cursor.execute(_AGES, (role, socket.gethostname()))
            return {process_id: float(age) for process_id, age in cursor.fetchall()}
    except psycopg2.Error:
        return {}


def main(arguments: list[str]) -> int:
    """Check the role in the arguments; write what is wrong, and return the exit status."""
    role, *options = arguments or [""]
    if role not in ROLES or options not in ([], ["--kill"]):
        sys.stderr.write(f"Usage: python -m workers.heartbeat {'|'.join(ROLES)} [--kill]\n")
        return 2
    try:
        settings = Settings.from_env(environment())
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    processes = hanging(role, heartbeat_folder(settings.heartbeat_folder), settings.direct_database_url)
    if processes is None:
        sys.stderr.write(f"no {role} is running\n")
    for process_id, age in (processes or {}).items():
        sys.stderr.write(f"{role} {process_id} hangs: its last heartbeat was {age:.0f} s ago\n")
        if options:
            os.kill(process_id, signal.SIGKILL)
    return 0 if processes == {} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
