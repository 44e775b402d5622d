"""What all commands that import a file have in common: options, help, reports and exit codes.

Exit codes: 0 if every row was imported or needed no change; 1 if a row was rejected or the file was rejected; 2 if the
command was called incorrectly.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from heidi_common.import_files.columns import Columns
from heidi_common.import_files.reading import read_file
from heidi_common.import_files.rows import ImportFile, InvalidFile

F = TypeVar("F", bound=Callable[..., Any])

ENCODING = click.option(
    "--encoding", help="Encoding of the file, such as windows-1250. Default: recognized (UTF-8, UTF-16, Windows-1252)."
)
EXIT_CODES = (
    "Exit codes: 0 if every row was imported or needed no change, 1 if a row was rejected or the file was rejected,"
    " 2 for an incorrect call."
)


def documents_columns(columns: Columns) -> Callable[[F], F]:
    """Add the columns and the exit codes to the help of a command."""

    def document(command: F) -> F:
        command.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\n{columns.help_text()}\n\n{EXIT_CODES}"
        return command

    return document


def read_or_reject(path: Path, columns: Columns, *, kind: str | None, encoding: str | None) -> ImportFile:
    """Read a file and print what was assumed about it.

    Raises:
        ClickException: The file is rejected as a whole.
    """
    try:
        file = read_file(path, columns, kind=kind, encoding=encoding)
    except InvalidFile as error:
        raise click.ClickException(f"{path}: {error}. Nothing was imported.") from None
    for note in file.notes:
        click.echo(f"{path}: {note}", err=True)
    return file


def exit_refused() -> NoReturn:
    """Exit with the code for refused rows, after the command has printed them."""
    sys.exit(1)
