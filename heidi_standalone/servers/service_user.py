"""The user of PostgreSQL and nginx if root starts the platform: PostgreSQL does not run as root, nginx need not."""

import fcntl
import os
import pwd
import shlex
import shutil
import stat
import subprocess  # nosec B404  # useradd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heidi_common.server import parent_death

SERVICE_USER = "heidi"


def user() -> str:
    """The name of the servers' user; empty if they run as the current user."""
    return SERVICE_USER if os.geteuid() == 0 else ""


def user_id() -> int | None:
    """The ID of the servers' user; None if they run as the current user, or the user does not exist yet."""
    return pwd.getpwnam(user()).pw_uid if user() and _exists(user()) else None


def ensure_user() -> None:
    """Create the user if it is needed and missing."""
    name = user()
    if not name:
        return
    with _lock_users():
        if not _exists(name):
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
            subprocess.run(command, check=True)  # nosec B603


@contextmanager
def _lock_users() -> Iterator[None]:
    """Let one process at a time add the user: if two run useradd, both succeed and the second changes the UID."""
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
    """Create a folder that only the servers' user can access.

    Raises:
        RuntimeError: The folder belongs to another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = pwd.getpwnam(user()) if user() else pwd.getpwuid(os.geteuid())
    if user():
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    if folder.stat().st_uid != owner.pw_uid:
        raise RuntimeError(
            f"{folder} belongs to another user. Run `sudo chown -R {owner.pw_name}: {shlex.quote(str(folder))}`."
        )
    folder.chmod(0o700)


def readable_folder(folder: Path) -> None:
    """Create a folder of the current user that only the servers' user can read besides."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user():
        os.chown(folder, os.geteuid(), pwd.getpwnam(user()).pw_gid)
        folder.chmod(0o750)


def command(*argv: str, folder: Path, signal_name: str = "TERM") -> list[str]:
    """Build the command that runs `argv` as the servers' user and ends with its parent.

    Args:
        *argv: Program and options.
        folder: Its data.
        signal_name: The signal that it gets when its parent ends.
    """
    unreachable = not (_is_reachable(folder) and _is_reachable(Path(argv[0])))
    return parent_death.command(*argv, signal_name=signal_name, user=user(), reach=bool(user()) and unreachable)


def give_to_user(path: Path) -> None:
    """Change the owner of a file to the servers' user."""
    if user():
        shutil.chown(path, user(), pwd.getpwnam(user()).pw_gid)


def _is_reachable(path: Path) -> bool:
    """Whether every user can reach a path, also through a link: all folders above it can be entered."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (*path.parents, *path.resolve().parents))
