"""Run a command that ends when its parent does: ``parent_death.py [--user NAME] [--reach] SIGNAL COMMAND...``

This file is run by its path with ``python -I -S`` and imports only the standard library, so it starts in milliseconds.
``exec`` then replaces it by the command.
"""

import ctypes
import os
import signal
import stat
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(signum: int) -> None:
    """Have Linux send `signum` to this process when the thread that started it ends. Other systems cannot do this."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)


def _capabilities() -> "tuple[ctypes.Array[ctypes.c_uint32], ctypes.Array[ctypes.c_uint32]]":
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable of capabilities 0 to 31, then of 32 to 63
    _libc().capget(header, sets)
    return header, sets


def _keep_search_capability() -> None:
    """Drop all capabilities except the one to search folders without permission, so that no mode has to be changed."""
    header, sets = _capabilities()
    capability = CAP_DAC_READ_SEARCH if sets[1] >> CAP_DAC_READ_SEARCH & 1 else CAP_DAC_OVERRIDE
    sets[0:3] = [1 << capability] * 3
    sets[3:6] = [0] * 3
    _libc().capset(header, sets)
    _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _give_output_to(uid: int) -> None:
    """Change the owner of stdout and stderr if they are pipes or files, so that the user can open /dev/stdout."""
    for number in (1, 2):
        if stat.S_ISFIFO(os.fstat(number).st_mode) or stat.S_ISREG(os.fstat(number).st_mode):
            os.fchown(number, uid, -1)


def become(user: str, reach: bool) -> None:
    """Switch from root to another user.

    Args:
        user: The name of the user.
        reach: Keep the capability to search folders, for a program or data below folders that the user cannot enter.
    """
    import pwd

    entry = pwd.getpwnam(user)
    _give_output_to(entry.pw_uid)
    if reach:
        _libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if reach:
        _keep_search_capability()


def main(argv: "list[str]") -> None:
    """Parse the command line, switch the user if requested, and replace this process by the command."""
    parent, user, reach = os.getppid(), "", False
    if argv[0] == "--user":
        user, argv = argv[1], argv[2:]
    if argv[0] == "--reach":
        reach, argv = True, argv[1:]
    if user:
        become(user, reach)
    # After the user has been switched, which clears this setting.
    die_with_parent(signal.Signals[f"SIG{argv[0]}"])
    if os.getppid() != parent:
        sys.exit("the parent process ended before its child had started")
    os.execvp(argv[1], argv[1:])  # nosec B606  # the caller is the platform


def command(*argv: str, signal_name: str = "TERM", user: str = "", reach: bool = False) -> "list[str]":
    """Build a command line that runs `argv` and ends it with its parent (with the thread that starts it).

    Args:
        argv: The command and its arguments.
        signal_name: The signal that ends it, without `SIG`.
        user: The user to run it as; empty for the current one. Only root can switch.
        reach: See `become`.
    """
    options = ["--user", user, *(["--reach"] if reach else [])] if user else []
    return [sys.executable, "-I", "-S", __file__, *options, signal_name, *argv]


if __name__ == "__main__":
    main(sys.argv[1:])
