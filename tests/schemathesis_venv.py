"""Schemathesis in a virtual environment of its own, made once: its pins are not ours."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

VERSION = "4.32.5"
FOLDER = Path(__file__).parent.parent / ".venv-schemathesis"


def command() -> str:
    """The path of its program; installs it where it is missing. Raises CalledProcessError when that does not work."""
    program = FOLDER / "bin" / "schemathesis"
    done = FOLDER / f"has-{VERSION}"
    if not done.exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", f"schemathesis=={VERSION}"]
        subprocess.run(pip, check=True, timeout=300, stdout=sys.stderr)
        done.touch()
    return str(program)


if __name__ == "__main__":
    print(command())
