"""Tools whose pinned dependencies conflict with the project's, each in a virtual environment of its own."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCHEMATHESIS = ("schemathesis", "4.32.5")
OPENAPI_PYTHON_CLIENT = ("openapi-python-client", "0.29.1")


def programs(package: str, version: str) -> Path:
    """Return the folder with the programs of a package, installed by the first of the parallel processes that needs it.

    Raises:
        CalledProcessError: The installation failed.
    """
    folder = ROOT / f".venv-{package}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / f"has-{version}"
        if not stamp.exists():
            venv.create(folder, with_pip=False, clear=True)
            install = [
                _python_with_pip(),
                "-m",
                "pip",
                "--python",
                str(folder / "bin" / "python"),
                "install",
                "--quiet",
            ]
            subprocess.run([*install, f"{package}=={version}"], check=True, timeout=300, stdout=sys.stderr)
            stamp.touch()
    return folder / "bin"


def _python_with_pip() -> str:
    """Return this Python, or the one it is based on: Debian without python3-venv creates environments without pip."""
    check = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, timeout=60, check=False)
    return sys.executable if check.returncode == 0 else str(Path(sys.base_prefix) / "bin" / "python3")
