"""The folder for files that need not outlive the platform: metrics, heartbeats, and the temporary files of nginx.

It is in memory, where a full disk does not affect it. A process that writes to a mapped file without space on the disk
is killed by SIGBUS.
"""

import hashlib
import os
import shutil
import stat
from pathlib import Path

from heidi_standalone.servers import service_user

MEMORY = Path("/dev/shm")  # nosec B108  # a folder of our own in it
MIN_FREE_BYTES = 192 * 1024 * 1024
"""Enough for the cache of nginx, which may take 128 MB. Containers often have less."""


def scratch_folder(home: Path, memory: Path = MEMORY) -> Path:
    """Select the folder: in memory if there is enough, otherwise in `home`.

    Args:
        home: HEIDI_HOME.
        memory: A file system in memory.
    """
    if not os.access(memory, os.W_OK | os.X_OK) or shutil.disk_usage(memory).free < MIN_FREE_BYTES:
        return home / "run" / "scratch"
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return memory / f"heidi-{os.geteuid()}-{digest}"


def prepare(folder: Path) -> None:
    """Create the folder, without what an earlier run has left.

    Raises:
        RuntimeError: The folder belongs to another user.
    """
    if folder.exists() or folder.is_symlink():
        status = folder.lstat()
        if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
            raise RuntimeError(f"{folder} belongs to another user, who must remove it.")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    if service_user.user():
        folder.chmod(0o711)  # the servers' user has a folder below


def remove(folder: Path) -> None:
    """Delete the folder when the platform has stopped."""
    shutil.rmtree(folder, ignore_errors=True)
