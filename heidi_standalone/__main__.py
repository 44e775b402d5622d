"""What `flask up` becomes; everything comes from the environment."""

import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from heidi_common.config.sections.processes import LocalPlatform
from heidi_standalone.errors import CannotRun
from heidi_standalone.home import Home
from heidi_standalone.launcher import Up
from heidi_standalone.paths import ROOT
from heidi_standalone.platform import Platform
from heidi_standalone.ports import Ports


def main(given: Mapping[str, str] = os.environ) -> int:
    """Run until asked to stop; every reason why that cannot be is one line."""
    folder = Path(given.get("HEIDI_HOME") or ROOT / LocalPlatform.home).expanduser()
    try:
        home = Home(folder)
        home.prepare()
        Up(Platform(home, Ports.of(given), given)).run()
    except (CannotRun, RuntimeError, ValueError) as error:
        return _give_up(str(error))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _give_up(f"the disk that holds {folder} is full" if full else str(error))
    return 0


def _give_up(reason: str) -> int:
    click.secho(f"Heidi cannot run: {reason}", fg="red", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
