"""Unix sockets have short addresses: 107 characters, whatever the length of the folder they should lie in."""

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST = 107


def folder_for(folder: Path, name: str) -> Path:
    """`folder` itself, or one with a short path of its own where the address of socket `name` would be too long."""
    if len(os.fsencode(folder / name)) <= LONGEST:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"heidi-{os.geteuid()}-{digest}"
