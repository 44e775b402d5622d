"""`flask cities import`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from heidi_services.city.cli.group import cities
from heidi_services.city.import_sources import csv_file, geonames
from heidi_services.city.import_sources.source import CitySource
from heidi_services.city.service import importer

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
    type=click.Choice(["csv", "geonames"]),
    help="Format of the file. Default: csv if its extension is .csv, otherwise geonames.",
)
def import_cities(min_population: str, path: Path | None, kind: str | None) -> None:
    """Import cities from the shipped GeoNames data, a CSV file or a GeoNames file. An import can be repeated."""
    started = time.monotonic()
    try:
        source = _source(min_population, path, kind)
        with _progress(source.length) as progress:
            report = importer.import_cities(source.lines, progress)
    except csv_file.InvalidHeader as error:
        raise click.ClickException(f"{path}: {error}") from None
    _show_skipped(report.skipped)
    click.echo(
        f"{report.added:,} added, {report.changed:,} changed, {report.unchanged:,} unchanged,"
        f" {len(report.skipped):,} skipped in {time.monotonic() - started:.1f} s"
    )


def _source(min_population: str, path: Path | None, kind: str | None) -> CitySource:
    if path is None:
        return geonames.read_shipped(int(min_population))
    kind = kind or ("csv" if path.suffix.lower() == ".csv" else "geonames")
    return csv_file.read_file(path) if kind == "csv" else geonames.read_file(path)


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
