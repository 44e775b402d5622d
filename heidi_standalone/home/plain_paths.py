"""A plain path for a folder whose own path programs would misread.

PostgreSQL, nginx, supervisor, URLs and the shell each give a meaning to other characters (space, comma, semicolon,
braces, percent sign, quotation marks ...), and sockets limit the length. A symbolic link avoids all of them.
"""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heidi_standalone.servers import service_user
from heidi_standalone.servers.unix_sockets import make_private_folder

PLAIN = re.compile(r"/[A-Za-z0-9_./+-]{1,120}")


@contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """Give a folder a plain path while the block lasts.

    Args:
        folder: An absolute path. The folder is created unless it exists.

    Yields:
        The path itself if it is plain, otherwise that of a link in the folder for temporary files.

    Raises:
        OSError: The folder cannot be created, for example because its name is too long.
        RuntimeError: The place for the link belongs to another user.
    """
    if PLAIN.fullmatch(str(folder)):
        yield folder
        return
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    place = _place(folder)
    make_private_folder(place)
    if service_user.user():
        place.chmod(0o711)  # the servers' user follows the link
    descriptor = os.open(place, os.O_RDONLY)
    # systemd-tmpfiles deletes old files, but not in a folder that is locked.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        yield _link(place / "home", folder)
    finally:
        os.close(descriptor)


def _place(folder: Path) -> Path:
    temporary = tempfile.gettempdir()
    if not PLAIN.fullmatch(temporary) or len(temporary) > 60:
        temporary = "/tmp"  # nosec B108  # make_private_folder checks the owner
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(temporary) / f"heidi-home-{os.geteuid()}-{digest}"


def _link(link: Path, folder: Path) -> Path:
    """Create the link. It stays afterwards, for commands that were copied from the output."""
    if not (link.is_symlink() and link.readlink() == folder):
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
    return link
