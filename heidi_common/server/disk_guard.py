"""Whether the disk of the database on this machine has space left for changes.

PostgreSQL ends all connections if it cannot extend its log: then not even reads work. A platform that knows its disk
therefore rejects changes while some space is left.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

log = logging.getLogger(__name__)
MIN_FREE_BYTES = 16 * 1024 * 1024
"""One segment of PostgreSQL's log. With less, changes are rejected."""
RESERVE_BYTES = 3 * MIN_FREE_BYTES
RESERVE = "disk-reserve"
"""A file of RESERVE_BYTES in the guarded folder. Changes are rejected while it is missing: its space was needed."""
CHECK_SECONDS = 0.5


def free_bytes(folder: Path) -> int:
    """The space on the disk of a folder that this user may use."""
    return shutil.disk_usage(folder).free


def allocate(descriptor: int, size: int) -> None:
    """Give a file its space on the disk, up to a size. Its content is not changed.

    Args:
        descriptor: The file, open for writing.
        size: In bytes.

    Raises:
        OSError: The disk has not enough space.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    end = os.lseek(descriptor, 0, os.SEEK_END)  # macOS
    while end < size:
        end += os.write(descriptor, bytes(min(size - end, 1024 * 1024)))


class DiskGuard:
    """Watches the disk of a folder. It looks at the disk when it is asked, at most every CHECK_SECONDS.

    Args:
        folder: The folder; empty to watch nothing.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) if folder else None
        self._checked_at, self._is_full = float("-inf"), False

    @property
    def is_full(self) -> bool:
        """Whether changes must wait until there is space."""
        now = time.monotonic()
        if self._folder is not None and now - self._checked_at >= CHECK_SECONDS:
            self._checked_at = now
            self._update(_lacks_space(self._folder))
        return self._is_full

    def _update(self, is_full: bool) -> None:
        if is_full != self._is_full:
            log.warning("the disk is full: changes wait" if is_full else "the disk has space again")
        self._is_full = is_full


def _lacks_space(folder: Path) -> bool:
    try:
        return free_bytes(folder) < MIN_FREE_BYTES or not (folder / RESERVE).exists()
    except OSError:
        return False
