"""Installs the peers when they are first needed, and runs one of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
VENV = FOLDER.parents[1] / ".venv-peers"
PYTHON = VENV / "bin" / "python"
INSTALL_SECONDS, RUN_SECONDS = 600, 150


class PeerUnavailable(Exception):
    """A peer cannot be installed or run here; the text is the reason."""


@dataclass(frozen=True)
class PeerResult:
    """Rates per second, and CPU milliseconds per job of the peer's processes (without PostgreSQL and Redis)."""

    accepted: float
    completed: float
    cpu_ms: float


def run_peer(script: str, *options: str) -> PeerResult:
    """Run a script of this folder and read the line of JSON that it prints.

    Raises:
        PeerUnavailable: It cannot be installed, or fails.
    """
    command = [_node(), script] if script.endswith(".mjs") else [_python(), script]
    process = subprocess.Popen(
        [*command, *options],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        raise PeerUnavailable(f"{script}: not done after {RUN_SECONDS} s") from None
    finally:
        _end(process)
    if process.returncode:
        raise PeerUnavailable(f"{script}: {(errors.strip() or 'failed').splitlines()[-1][:200]}")
    return PeerResult(**json.loads(output.splitlines()[-1]))


def _end(process: subprocess.Popen[str]) -> None:
    """End a peer with the workers that it has started, which could otherwise outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _python() -> str:
    stamp = VENV / "installed.txt"
    requirements = (FOLDER / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != requirements:
        _install([sys.executable, "-m", "venv", "--clear", str(VENV)])
        _install([str(PYTHON), "-m", "pip", "install", "--quiet", "-r", str(FOLDER / "requirements.txt")])
        stamp.write_text(requirements)
    return str(PYTHON)


def _node() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise PeerUnavailable("node and npm are not installed")
    if not (FOLDER / "node_modules" / "pg-boss").exists():
        _install([npm, "install", "--silent", "--no-fund", "--no-audit"])
    return node


def _install(command: list[str]) -> None:
    result = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, env=dict(os.environ)
    )
    if result.returncode:
        raise PeerUnavailable(f"cannot be installed: {(result.stderr.strip() or result.stdout)[-200:]}")
