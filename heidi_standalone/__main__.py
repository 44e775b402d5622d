"""What `flask up` executes. All settings come from the environment."""

import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from heidi_common.config.declaration import ConfigError
from heidi_common.config.sections.processes import home_folder
from heidi_standalone.environment import platform_environment
from heidi_standalone.errors import StartupError
from heidi_standalone.home.disk_reserve import DiskReserve
from heidi_standalone.home.home import Home
from heidi_standalone.home.ownership import check_ownership
from heidi_standalone.home.plain_paths import plain_path
from heidi_standalone.launcher import Launcher
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import Ports
from heidi_standalone.progress import echo

CLEAN = "--clean"
"""The option of a process whose environment has only variables of the platform."""


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the platform until it is asked to stop.

    Returns:
        The exit status: 1 if the platform cannot run. The reason is on standard error.
    """
    try:
        folder = home_folder(environ)
    except ConfigError as error:
        return _fail("; ".join(error.problems))
    try:
        check_ownership(folder.absolute(), environ)
        with plain_path(folder.absolute()) as path:
            _run(path, environ)
    except (StartupError, RuntimeError, ValueError) as error:
        return _fail(str(error))
    except OSError as error:
        disk_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _fail(f"The disk that contains {folder} is full. Free some space." if disk_full else str(error))
    return 0


def _run(folder: Path, environ: Mapping[str, str]) -> None:
    DiskReserve(folder).release()
    home = Home(folder)
    home.prepare()
    try:
        Launcher(StandalonePlatform(home, Ports.from_env(environ), environ)).run()
    finally:
        home.close()


def _fail(reason: str) -> int:
    echo(f"Error: {reason}", fg="red", err=True)
    return 1


if __name__ == "__main__":
    if CLEAN not in sys.argv:
        # Python itself has read some variables of other programs by now: start again without them.
        command = [sys.executable, "-m", "heidi_standalone", CLEAN]
        os.execve(sys.executable, command, platform_environment(os.environ))  # nosec B606
    sys.exit(main())
