"""PostgreSQL refuses to run as root and nginx need not: started by root, both run as a user of their own."""

import fcntl
import os
import pwd
import shutil
import stat
import subprocess  # nosec B404  # useradd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heidi_common.server import parent_death

ROOTS_USER = "heidi"


def user() -> str:
    """The user the servers run as; empty when that is simply who we are."""
    return ROOTS_USER if os.geteuid() == 0 else ""


def ensure_user() -> None:
    """Create the user if it is needed and missing."""
    name = user()
    if not name:
        return
    with _exclusive():
        if not _exists(name):
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
            subprocess.run(command, check=True)  # nosec B603


@contextmanager
def _exclusive() -> Iterator[None]:
    """Let one process at a time add the user: two concurrent useradds both succeed, and the second changes the uid."""
    folder = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _exists(name: str) -> bool:
    try:
        return pwd.getpwnam(name).pw_name == name
    except KeyError:
        return False


def private_folder(folder: Path) -> None:
    """A folder that only the server's user may enter (and root, who may enter any)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = pwd.getpwnam(user()) if user() else pwd.getpwuid(os.geteuid())
    if user():
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    if folder.stat().st_uid != owner.pw_uid:
        raise RuntimeError(f"{folder} belongs to another user; delete it or choose another HEIDI_HOME")
    folder.chmod(0o700)


def command(*argv: str, folder: Path, signal_name: str = "TERM") -> list[str]:
    """`argv` as the server's user, whose data lives in `folder`; it ends when its parent does."""
    closed = not (_open_to_all(folder) and _open_to_all(Path(argv[0])))
    return parent_death.command(*argv, signal_name=signal_name, user=user(), reach=bool(user()) and closed)


def hand_over(path: Path) -> None:
    """Give a file we wrote to the server's user."""
    if user():
        shutil.chown(path, user(), pwd.getpwnam(user()).pw_gid)


def _open_to_all(path: Path) -> bool:
    return all(above.stat().st_mode & stat.S_IXOTH for above in path.parents)
