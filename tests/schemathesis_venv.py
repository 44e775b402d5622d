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
        venv.create(FOLDER, with_pip=False, clear=True)
        install = [_with_pip(), "-m", "pip", "--python", str(FOLDER / "bin" / "python"), "install", "--quiet"]
        subprocess.run([*install, f"schemathesis=={VERSION}"], check=True, timeout=300, stdout=sys.stderr)
        done.touch()
    return str(program)


def _with_pip() -> str:
    """A Debian without python3-venv makes environments without pip; then the Python behind this one has it."""
    asked = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, timeout=60, check=False)
    return sys.executable if asked.returncode == 0 else str(Path(sys.base_prefix) / "bin" / "python3")


if __name__ == "__main__":
    print(command())
