"""Unix sockets have short addresses: 107 characters, whatever the length of the folder they should lie in."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

LONGEST = 107


def folder_for(folder: Path, name: str) -> Path:
    """`folder` itself, or one with a short path of its own where the address of socket `name` would be too long."""
    if len(os.fsencode(folder / name)) <= LONGEST:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"heidi-{os.geteuid()}-{digest}"


def make_private(folder: Path) -> None:
    """A folder that only we may enter. Raises RuntimeError when somebody else has made it before us."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise RuntimeError(f"{folder} belongs to another user; delete it or choose another HEIDI_HOME")
    folder.chmod(0o700)
