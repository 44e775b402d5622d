"""Become another program, one that ends when its parent does: ``lifeline.py [--user NAME] [--reach] SIGNAL COMMAND...``

It is run by its path with ``python -I -S`` and imports nothing but the standard library: it starts in milliseconds, and
after ``exec`` nothing of it is left in memory.
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
    """Have Linux send us `signum` when the thread that started us is gone; elsewhere supervision must do."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)


def _capabilities() -> "tuple[ctypes.Array[ctypes.c_uint32], ctypes.Array[ctypes.c_uint32]]":
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable of capabilities 0 to 31, then of 32 to 63
    _libc().capget(header, sets)
    return header, sets


def _keep_only_reach() -> None:
    """Keep of root's powers only the passing of folders closed to others, so that no folder's mode need be loosened."""
    header, sets = _capabilities()
    capability = CAP_DAC_READ_SEARCH if sets[1] >> CAP_DAC_READ_SEARCH & 1 else CAP_DAC_OVERRIDE
    sets[0:3] = [1 << capability] * 3
    sets[3:6] = [0] * 3
    _libc().capset(header, sets)
    _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _give_output_to(uid: int) -> None:
    """A log that is our own pipe or file must be one that the new user can open as /dev/stdout."""
    for number in (1, 2):
        if stat.S_ISFIFO(os.fstat(number).st_mode) or stat.S_ISREG(os.fstat(number).st_mode):
            os.fchown(number, uid, -1)


def become(user: str, reach: bool) -> None:
    """Leave root for `user`; with `reach`, still able to search the folders above the program and its data."""
    import pwd

    entry = pwd.getpwnam(user)
    _give_output_to(entry.pw_uid)
    if reach:
        _libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if reach:
        _keep_only_reach()


def main(argv: "list[str]") -> None:
    parent, user, reach = os.getppid(), "", False
    if argv[0] == "--user":
        user, argv = argv[1], argv[2:]
    if argv[0] == "--reach":
        reach, argv = True, argv[1:]
    if user:
        become(user, reach)
    # After the change of user, which clears it.
    die_with_parent(signal.Signals[f"SIG{argv[0]}"])
    if os.getppid() != parent:
        sys.exit("the parent process ended before its child had started")
    os.execvp(argv[1], argv[1:])  # nosec B606  # the command line is ours


def command(*argv: str, signal_name: str = "TERM", user: str = "", reach: bool = False) -> "list[str]":
    """`argv`, to be run with its life tied to whoever starts it (to the thread, where that is not the main one)."""
    options = ["--user", user, *(["--reach"] if reach else [])] if user else []
    return [sys.executable, "-I", "-S", __file__, *options, signal_name, *argv]


if __name__ == "__main__":
    main(sys.argv[1:])
