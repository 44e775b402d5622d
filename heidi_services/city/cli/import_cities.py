"""`flask cities import`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from heidi_common.cli import imports
from heidi_common.import_files.reading import FORMATS
from heidi_services.city.cli.group import cities
from heidi_services.city.import_sources import geonames, table_file
from heidi_services.city.import_sources.source import CitySource
from heidi_services.city.service import importer, shipped_sets

MAX_SKIPPED_LINES_SHOWN = 20


@cities.command("import")
@click.option(
    "--min-population",
    type=click.Choice([str(size) for size in geonames.MIN_POPULATIONS]),
    default="15000",
    show_default=True,
    help="Which of the shipped GeoNames sets to import: 34 thousand cities up to 235 thousand.",
)
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Import this file.")
@click.option(
    "--format",
    "kind",
    type=click.Choice([*FORMATS, "geonames"]),
    help="Format of the file. Default: by its content (`geonames`: 19 columns separated by tabs, without a header).",
)
@imports.ENCODING
@imports.documents_columns(table_file.COLUMNS)
def import_cities(min_population: str, path: Path | None, kind: str | None, encoding: str | None) -> None:
    """Import cities from the shipped GeoNames data, or from a file: CSV, JSON, NDJSON or GeoNames' own format.

    A row with an error does not stop the import. An import can be repeated.
    """
    started = time.monotonic()
    source = _source(min_population, path, kind, encoding)
    with _progress(source.length) as progress:
        report = importer.import_cities(source.lines, progress)
    if path is None:
        shipped_sets.record_import(int(min_population))
    _show_skipped(report.skipped)
    click.echo(
        f"{report.added:,} added, {report.changed:,} changed, {report.unchanged:,} unchanged,"
        f" {len(report.skipped):,} skipped in {time.monotonic() - started:.1f} s"
    )
    if report.skipped:
        imports.exit_refused()


def _source(min_population: str, path: Path | None, kind: str | None, encoding: str | None) -> CitySource:
    if path is None:
        return geonames.read_shipped(int(min_population))
    if kind == "geonames" or (kind is None and geonames.is_geonames(path)):
        return geonames.read_file(path)
    return table_file.read_cities(imports.read_or_reject(path, table_file.COLUMNS, kind=kind, encoding=encoding))


def _show_skipped(lines: list[importer.SkippedLine]) -> None:
    for line in lines[:MAX_SKIPPED_LINES_SHOWN]:
        click.echo(f"line {line.number}: {line.reason}; skipped", err=True)
    if len(lines) > MAX_SKIPPED_LINES_SHOWN:
        click.echo(f"and {len(lines) - MAX_SKIPPED_LINES_SHOWN:,} more lines were skipped", err=True)


@contextmanager
def _progress(length: int) -> Iterator[importer.Progress]:
    """Show progress: a bar on a terminal, otherwise a line for each tenth."""
    if not sys.stdout.isatty():
        yield _ProgressLines(length)
        return
    bar = click.progressbar(length=length, label="Reading cities")

    def advance(count: int) -> None:
        if count:
            bar.update(count)
        else:
            bar.finish()
            click.echo("\nStoring the cities and building the indexes ...")

    with bar:
        yield advance


class _ProgressLines:
    def __init__(self, length: int) -> None:
        self.length, self.read, self.shown = length, 0, 0

    def __call__(self, count: int) -> None:
        self.read += count
        if count == 0:
            click.echo("storing the cities and building the indexes ...")
        elif self.read >= self.shown + self.length / 10:
            self.shown = self.read
            click.echo(f"{self.read:,} of {self.length:,} cities read")
