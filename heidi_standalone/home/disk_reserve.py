"""Space set aside in HEIDI_HOME, so that a platform whose disk is full can start, and PostgreSQL can recover."""

import os
from collections.abc import Callable
from pathlib import Path

from heidi_common.server.disk_guard import MIN_FREE_BYTES, RESERVE, RESERVE_BYTES, allocate, free_bytes
from heidi_standalone.progress import echo

NEEDED_BYTES = RESERVE_BYTES + 2 * MIN_FREE_BYTES
"""The free space with which the reserve is created."""


class DiskReserve:
    """A file that is deleted when its space is needed, and created again when there is space.

    Meanwhile changes are rejected (see `DiskGuard`); otherwise they would use up the space.

    Args:
        folder: The folder that contains the database.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / RESERVE
        self._rejects_changes = False

    def watch(self, database_is_ready: Callable[[], bool]) -> None:
        """Give the space to a database that cannot recover without it; take it back when there is enough.

        Args:
            database_is_ready: Whether the database accepts connections.
        """
        if not self._is_full:
            self._restore()
        elif not database_is_ready():
            self.release()
        self._report(self._is_full or not self.file.exists())

    def release(self) -> None:
        """Delete the file if the disk is full."""
        if self.file.exists() and self._is_full:
            self.file.unlink()

    @property
    def _is_full(self) -> bool:
        return free_bytes(self.folder) < MIN_FREE_BYTES

    def _restore(self) -> None:
        """Create the file if it is missing or was not completed, and there is space."""
        if self.file.exists() and self.file.stat().st_size == RESERVE_BYTES:
            return
        self.file.unlink(missing_ok=True)
        if free_bytes(self.folder) >= NEEDED_BYTES:
            self._allocate()

    def _allocate(self) -> None:
        unfinished = self.file.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            allocate(descriptor, RESERVE_BYTES)
            unfinished.rename(self.file)
        except OSError:  # another program was faster
            unfinished.unlink()
        finally:
            os.close(descriptor)

    def _report(self, rejects_changes: bool) -> None:
        """Report a change of the state."""
        if rejects_changes and not self._rejects_changes:
            needed = NEEDED_BYTES // 1024**2
            echo(f"  The disk of {self.folder} is full: changes are rejected until {needed} MB are free.")
        elif self._rejects_changes and not rejects_changes:
            echo(f"  The disk of {self.folder} has space again: changes are accepted.")
        self._rejects_changes = rejects_changes
