"""Folders for Unix sockets, whose paths are limited to 107 bytes."""

import hashlib
import os
import shlex
import stat
import tempfile
from pathlib import Path

MAX_ADDRESS_BYTES = 107


def socket_folder(folder: Path, name: str) -> Path:
    """Return the folder for a socket: `folder`, or a short temporary one if the socket's path would be too long."""
    if len(os.fsencode(folder / name)) <= MAX_ADDRESS_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"heidi-{os.geteuid()}-{digest}"


def make_private_folder(folder: Path) -> None:
    """Create a folder that only the current user can access.

    Raises:
        RuntimeError: The folder belongs to another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
        raise RuntimeError(
            f"{folder} belongs to another user. If you trust its content, run "
            f"`sudo chown -R {os.geteuid()} {shlex.quote(str(folder))}`; otherwise set TMPDIR to a folder of your own."
        )
    folder.chmod(0o700)
