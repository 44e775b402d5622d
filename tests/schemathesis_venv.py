"""Schemathesis in its own virtual environment, created once: its pinned dependencies conflict with the project's."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

VERSION = "4.32.5"
FOLDER = Path(__file__).parent.parent / ".venv-schemathesis"


def command() -> str:
    """Return the path of the program, installed on first use.

    Raises:
        CalledProcessError: The installation failed.
    """
    program = FOLDER / "bin" / "schemathesis"
    stamp = FOLDER / f"has-{VERSION}"
    if not stamp.exists():
        venv.create(FOLDER, with_pip=False, clear=True)
        install = [_python_with_pip(), "-m", "pip", "--python", str(FOLDER / "bin" / "python"), "install", "--quiet"]
        subprocess.run([*install, f"schemathesis=={VERSION}"], check=True, timeout=300, stdout=sys.stderr)
        stamp.touch()
    return str(program)


def _python_with_pip() -> str:
    """Return this Python, or the one it is based on: Debian without python3-venv creates environments without pip."""
    check = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, timeout=60, check=False)
    return sys.executable if check.returncode == 0 else str(Path(sys.base_prefix) / "bin" / "python3")


if __name__ == "__main__":
    print(command())
