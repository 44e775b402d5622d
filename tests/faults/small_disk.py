"""A small disk in memory, which tests can fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHUNK = 1024 * 1024


class SmallDisk:
    """A mounted file system with a limited size."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._filling = folder, folder / "filling"

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, remaining: int) -> None:
        """Use up the space except for `remaining` bytes, as a program does that writes until it fails."""
        with self._filling.open("ab", buffering=0) as file:
            while (surplus := self.free - remaining) > 0:
                try:
                    file.write(bytes(min(surplus, CHUNK)))
                except OSError:
                    return

    def clear(self) -> None:
        self._filling.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk while the block lasts; skip the test if this user cannot."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "heidi-test", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
