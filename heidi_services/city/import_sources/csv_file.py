"""CSV files as a source."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from heidi_services.city.import_record import CityRecord, InvalidRecord, build_record
from heidi_services.city.import_sources.source import CitySource, count_lines, parse_lines

REQUIRED = {"name", "country", "latitude", "longitude"}
OPTIONAL = {"id", "state", "population", "timezone", "otherNames"}


class InvalidHeader(ValueError):
    """Why the header of a CSV file is rejected."""


def read_file(path: Path) -> CitySource:
    """Read a CSV file with a header of REQUIRED and OPTIONAL columns; `otherNames` are separated by semicolons."""
    return CitySource(max(count_lines(path) - 1, 0), parse_lines(_rows(path), _from_row))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
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


def _check_header(columns: Iterable[str]) -> None:
    names = set(columns)
    if missing := REQUIRED - names:
        raise InvalidHeader(f"the header lacks {', '.join(sorted(missing))}")
    if unknown := names - REQUIRED - OPTIONAL:
        raise InvalidHeader(f"the header names unknown columns: {', '.join(sorted(unknown))}")


def _from_row(row: dict[str, str]) -> CityRecord:
    if "" in row:
        raise InvalidRecord(f"does not match the header ({row['']})")
    if any(row[name] is None for name in REQUIRED):
        raise InvalidRecord("has fewer columns than the header")
    other_names = [name.strip() for name in (row.get("otherNames") or "").split(";") if name.strip()]
    return build_record(
        f"csv:{row['id'].strip()}" if (row.get("id") or "").strip() else None,
        name=row["name"].strip(),
        country=row["country"].strip().upper(),
        state=(row.get("state") or "").strip(),
        latitude=row["latitude"],
        longitude=row["longitude"],
        population=row.get("population") or 0,
        timezone=(row.get("timezone") or "").strip(),
        other_names=other_names,
        extra=None,
    )
