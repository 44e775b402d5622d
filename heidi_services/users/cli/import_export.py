"""`flask users import|export`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from heidi_common.cli import imports
from heidi_common.identity.password_formats import firebase_hash
from heidi_common.identity.password_formats.stored_hash import InvalidHash
from heidi_common.import_files.reading import FORMATS
from heidi_services.users.cli.group import users
from heidi_services.users.schemas import UserImportIn
from heidi_services.users.service import bulk_export, bulk_import
from heidi_services.users.service.import_columns import COLUMNS

FORMAT = click.option(
    "--format", "kind", type=click.Choice(["csv", "ndjson"]), help="Default: by the file's extension."
)


@users.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "kind", type=click.Choice(FORMATS), help="Format of the file. Default: by its content.")
@imports.ENCODING
@click.option(
    "--firebase-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"The hash parameters of the Firebase project: {firebase_hash.EXAMPLE}. They are stored encrypted.",
)
@click.option(
    "--welcome", is_flag=True, help="Send each created user the welcome e-mail, at the rate of bulk messages."
)
@imports.documents_columns(COLUMNS)
def import_users(
    path: Path, kind: str | None, encoding: str | None, firebase_config: Path | None, welcome: bool
) -> None:
    """Import users from CSV (with a header), NDJSON or a JSON array, and print the result of each row.

    A row with an error does not stop the import. Existing users are not changed, so an import can be repeated.
    """
    file = imports.read_or_reject(path, COLUMNS, kind=kind, encoding=encoding)
    firebase = _firebase_parameters(firebase_config) if firebase_config else None
    counts: Counter[str] = Counter()
    results = bulk_import.import_users(file.rows, UserImportIn(), firebase=firebase, welcome=welcome)
    for result in _with_progress(results, file.length):
        counts[result.outcome] += 1
        click.echo(f"line {result.line}: {result.outcome} {result.detail}".rstrip())
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to import")
    if counts["refused"]:
        imports.exit_refused()


@users.command("export")
@click.argument("path", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@FORMAT
@click.option("--with-hashes", is_flag=True, help="Include password hashes, for a move to another installation.")
def export_users(path: Path, kind: str | None, with_hashes: bool) -> None:
    """Export all users that are not deleted to a file (or `-`), in the format that `import` reads."""
    with _open(path) as file:
        bulk_export.audit_export(with_hashes=with_hashes)
        lines = bulk_export.export_users(kind or _kind(path), with_hashes=with_hashes)
        if str(path) != "-":
            # The file contains personal data and possibly password hashes: readable by its owner only.
            path.chmod(0o600)
        for text in lines:
            file.write(text)


def _open(path: Path) -> IO[str]:
    try:
        return click.open_file(str(path), "w", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None


def _firebase_parameters(path: Path) -> firebase_hash.FirebaseParameters:
    try:
        return firebase_hash.read_parameters(path.read_text(encoding="utf-8-sig", errors="replace"))
    except InvalidHash as error:
        raise click.ClickException(f"{path}: {error}") from None


def _kind(path: Path) -> str:
    return "csv" if path.suffix.lower() == ".csv" else "ndjson"


def _with_progress(results: Iterator[bulk_import.ImportedLine], total: int) -> Iterator[bulk_import.ImportedLine]:
    """Show a progress bar on standard error, if that is a terminal; results go to standard output."""
    with click.progressbar(length=total, label="import", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for result in results:
            yield result
            bar.update(1)
