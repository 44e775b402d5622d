"""Who owns HEIDI_HOME. It is checked before anything is written, since one start as root would lock the user out."""

import os
import pwd
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from heidi_standalone.errors import StartupError
from heidi_standalone.servers import service_user


def check_ownership(folder: Path, environ: Mapping[str, str]) -> None:
    """Require that the files of a platform belong to the user who starts it.

    Args:
        folder: HEIDI_HOME, which need not exist.
        environ: The environment; sudo leaves the caller's ID in SUDO_UID.

    Raises:
        StartupError: They belong to another user. The message has the command that repairs it.
    """
    user = os.geteuid()
    if user == 0 and not folder.exists():
        _require_own_parent(folder, environ.get("SUDO_UID", ""))
    allowed = {user} | ({uid} if user == 0 and (uid := service_user.user_id()) is not None else set())
    for path in _files(folder):
        owner = path.lstat().st_uid
        if owner not in allowed:
            raise StartupError(_explain(folder, path, owner))


def repair_command(folder: Path, user: str = "") -> str:
    """The command that gives a folder to a user, by default to the current one."""
    name = user or user_name(os.geteuid())
    prefix = "sudo " if os.geteuid() else ""
    return f"{prefix}chown -R {shlex.quote(name)}: {shlex.quote(str(folder))}"


def user_name(user_id: int) -> str:
    """The name of a user, or the ID of one without a name."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _explain(folder: Path, path: Path, owner: int) -> str:
    if os.geteuid():
        return (
            f"{path} belongs to {user_name(owner)}, perhaps because the platform was once started with sudo. "
            f"Run `{repair_command(folder)}`, then start again without sudo."
        )
    return (
        f"{path} belongs to {user_name(owner)}, who could not start the platform again after root. Start it as "
        f"{user_name(owner)}, without sudo. To let root take it over instead, run `{repair_command(folder)}`."
    )


def _require_own_parent(folder: Path, caller: str) -> None:
    """Under sudo: refuse to create a folder of root in one of the caller."""
    parent = next(path for path in folder.parents if path.exists())
    if caller not in ("", "0") and str(parent.stat().st_uid) == caller:
        raise StartupError(
            f"{parent} belongs to {user_name(int(caller))}, who could not use files that root creates there. "
            "Start the platform without sudo, or set HEIDI_HOME to a folder of root."
        )


def _files(folder: Path) -> Iterator[Path]:
    """The folder, its files, and those of its folders."""
    if folder.exists():
        yield folder
        for path in sorted(folder.iterdir()):
            yield path
            if path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK | os.X_OK):
                yield from path.iterdir()
