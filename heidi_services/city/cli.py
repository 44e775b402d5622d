"""`flask cities import|nearby|search|stats`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from heidi_services.city import countries
from heidi_services.city import import_sources as sources
from heidi_services.city.geo import bearing, km_of_chord
from heidi_services.city.name_matching import fold
from heidi_services.city.service import cities as catalogue
from heidi_services.city.service import importer as importing
from heidi_services.city.service import nearby
from heidi_services.city.service import search as finding

cities = AppGroup("cities", help="Cities: import, nearest, search. Data: GeoNames (geonames.org), CC BY 4.0.")
groups = (cities,)

SHOWN = 20
"""So many broken lines are told one by one."""


class CountryCode(click.ParamType[str]):
    name = "country"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        code = str(value).upper()
        if code not in countries.names():
            self.fail(f"{value} is not a country code", param, ctx)
        return code


COUNTRY = click.option("--country", type=CountryCode(), help="ISO 3166-1 alpha-2")
LIMIT = click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
LATITUDE, LONGITUDE = click.FloatRange(-90, 90), click.FloatRange(-180, 180)


@cities.command("import")
@click.option(
    "--min-population",
    type=click.Choice([str(size) for size in sources.SIZES]),
    default="15000",
    show_default=True,
    help="Which of the shipped GeoNames sets: 34 thousand cities up to 235 thousand.",
)
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Import this file.")
@click.option("--format", "kind", type=click.Choice(["csv", "geonames"]), help="Of the file; else told by its ending.")
def import_cities(min_population: str, path: Path | None, kind: str | None) -> None:
    """Import cities: the shipped GeoNames data, a CSV or a GeoNames file. Doing it again changes nothing."""
    started = time.monotonic()
    try:
        source = _source(min_population, path, kind)
        with _progress(source.length) as progress:
            report = importing.load(source.lines, progress)
    except sources.BadHeader as error:
        raise click.ClickException(f"{path}: {error}") from None
    for broken in report.broken[:SHOWN]:
        click.echo(f"line {broken.number}: {broken.reason}; skipped", err=True)
    if len(report.broken) > SHOWN:
        click.echo(f"and {len(report.broken) - SHOWN:,} more lines were skipped", err=True)
    click.echo(
        f"{report.added:,} added, {report.changed:,} changed, {report.unchanged:,} unchanged,"
        f" {len(report.broken):,} skipped in {time.monotonic() - started:.1f} s"
    )


@cities.command("nearby", context_settings={"ignore_unknown_options": True})  # else -33.9 would be an option
@click.argument("latitude", type=LATITUDE)
@click.argument("longitude", type=LONGITUDE)
@click.option("--radius-km", type=click.FloatRange(0, 20038, min_open=True), default=50.0, show_default=True)
@click.option("--min-population", type=click.IntRange(0))
@COUNTRY
@LIMIT
def show_nearby(latitude: float, longitude: float, **options: Any) -> None:
    """The nearest cities to a point, in degrees."""
    for row in nearby.nearest(latitude, longitude, **options).rows:
        course = bearing(latitude, longitude, row.latitude, row.longitude)
        click.echo(f"{km_of_chord(row.chord):10.3f} km {course:6.1f}°  {_told(row)}")


@cities.command("search", context_settings={"ignore_unknown_options": True})
@click.argument("words")
@click.option("--near", nargs=2, type=(LATITUDE, LONGITUDE), help="Prefer what is near this point.")
@COUNTRY
@LIMIT
def show_search(words: str, near: tuple[float, float] | None, limit: int, country: str | None) -> None:
    """Cities by name, in any language, with typos."""
    question = fold(words)
    if not question:
        raise click.BadParameter("give at least one letter or digit")
    for row in finding.search(question, limit=limit, country=country, point=near).rows:
        click.echo(_told(row))


@cities.command("stats")
def show_stats() -> None:
    """How many cities there are."""
    for name, count in catalogue.statistics().items():
        click.echo(f"{name:10} {count:>9,}")


def _source(min_population: str, path: Path | None, kind: str | None) -> sources.Source:
    if path is None:
        return sources.shipped(int(min_population))
    kind = kind or ("csv" if path.suffix.lower() == ".csv" else "geonames")
    return sources.csv_file(path) if kind == "csv" else sources.geonames(path)


@contextmanager
def _progress(length: int) -> Iterator[importing.Progress]:
    """A bar on a terminal, a line now and then elsewhere; 0 says that reading has ended and storing begins."""
    if not sys.stdout.isatty():
        yield _Lines(length)
        return
    bar = click.progressbar(length=length, label="Reading cities")

    def advance(read: int) -> None:
        if read:
            bar.update(read)
        else:
            bar.finish()
            click.echo("\nStoring them and building the indexes ...")

    with bar:
        yield advance


class _Lines:
    """Progress as plain lines, one for each tenth."""

    def __init__(self, length: int) -> None:
        self.length, self.read, self.told = length, 0, 0

    def __call__(self, read: int) -> None:
        self.read += read
        if read == 0:
            click.echo("storing them and building the indexes ...")
        elif self.read >= self.told + self.length / 10:
            self.told = self.read
            click.echo(f"{self.read:,} of {self.length:,} cities read")


def _told(row: Any) -> str:
    people = f"{row.population:,}" if row.population else "unknown"
    return f"{row.name}, {row.country}  ({row.latitude:.4f}, {row.longitude:.4f})  population {people}  {row.id}"
