"""The files by which background processes of this machine show that they are alive: `ROLE.PROCESS_ID` in one folder.

This module imports nothing of the application, because the liveness probe runs every few seconds.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

ROLES = ("relay", "clock", "worker")
STALE_SECONDS = 60.0
"""A process whose last heartbeat is older hangs. Longer than any pause between two rounds of a loop."""


def heartbeat_folder(configured: str) -> Path:
    """The folder of HEARTBEAT_FOLDER; by default one of this user in the folder for temporary files."""
    return Path(configured) if configured else Path(tempfile.gettempdir()) / f"heidi-heartbeats-{os.getuid()}"


def own_file(role: str, folder: Path) -> Path:
    """The file of this process. Creates the folder; deletes the files of processes of the role that have ended."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    running = running_files(role, folder)
    for file in folder.glob(f"{role}.*"):
        if file not in running.values():
            file.unlink(missing_ok=True)
    return folder / f"{role}.{os.getpid()}"


def running_files(role: str, folder: Path) -> dict[int, Path]:
    """Process ID -> file of the role's processes that are running."""
    files = {int(file.suffix[1:]): file for file in folder.glob(f"{role}.*") if file.suffix[1:].isdigit()}
    return {process_id: file for process_id, file in files.items() if _is_running(process_id)}


def file_age(file: Path) -> float:
    """Seconds since the last heartbeat; 0 if the process has just ended and deleted its file."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
