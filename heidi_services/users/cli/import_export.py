"""`flask users import|export`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from heidi_services.users.cli.group import users
from heidi_services.users.schemas import ImportIn
from heidi_services.users.service import bulk_export, bulk_import
from heidi_services.users.service.bulk_import import Result

KIND = click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), help="Else told by the file's ending.")


@users.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@KIND
def import_users(path: Path, kind: str | None) -> None:
    """Import people from CSV (with a header) or NDJSON: a result for each line; a bad line does not stop the rest.

    Fields: email, password or passwordHash (bcrypt, argon2), role, firstName, lastName, phone, locale, timezone,
    isActive, emailVerified. Who exists already is left as they are, so that it can be done again.
    """
    counts: dict[str, int] = {}
    # What is not UTF-8 becomes characters that no field takes, so that its line is refused and the others are not.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        total = sum(1 for _ in file)
        file.seek(0)
        with _progress(total) as tell:
            for result in bulk_import.load(file, kind or _kind(path), ImportIn()):
                counts[result.outcome] = counts.get(result.outcome, 0) + 1
                tell(result)
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to import")
    if counts.get("refused"):
        sys.exit(1)


@users.command("export")
@click.argument("path", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@KIND
@click.option("--with-hashes", is_flag=True, help="Password hashes, too: for moving to another installation.")
def export_users(path: Path, kind: str | None, with_hashes: bool) -> None:
    """Write everybody who is not deleted to a file (or `-`), in the form that `import` reads."""
    lines = bulk_export.dump(kind or _kind(path), with_hashes=with_hashes)
    # Personal data, perhaps hashes: for the owner's eyes only.
    with _opened(path) as file:
        if str(path) != "-":
            path.chmod(0o600)
        for text in lines:
            file.write(text)


def _opened(path: Path) -> IO[str]:
    try:
        return click.open_file(str(path), "w", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None


def _kind(path: Path) -> str:
    return "csv" if path.suffix.lower() == ".csv" else "ndjson"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Result], None]]:
    """A bar on the terminal's standard error; the results go to standard output."""
    with click.progressbar(length=total, label="import", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def tell(result: Result) -> None:
            click.echo(f"line {result.line}: {result.outcome} {result.detail}".rstrip())
            bar.update(1)

        yield tell
