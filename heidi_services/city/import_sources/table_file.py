"""Files with a header as a source: CSV in its variants, JSON and NDJSON."""

from __future__ import annotations

from typing import Any

from heidi_common.import_files.columns import Columns
from heidi_common.import_files.rows import ImportFile
from heidi_services.city.import_record import CityRecord, InvalidRecord, build_record
from heidi_services.city.import_sources.source import CitySource, parse_lines

COLUMNS = Columns(
    descriptions={
        "name": "required; 1 to 200 characters",
        "country": "required; ISO 3166-1 alpha-2, such as DE",
        "latitude": "required; degrees, -90 to 90",
        "longitude": "required; degrees, -180 to 180",
        "id": "identifies the city in later imports; by default country, name and position do",
        "state": "code of the first-level region",
        "population": "a whole number",
        "timezone": "IANA, such as Europe/Berlin",
        "otherNames": "further names, separated by semicolons; in JSON also an array",
    },
    required=frozenset({"name", "country", "latitude", "longitude"}),
)


def read_cities(file: ImportFile) -> CitySource:
    """Read the cities of a file, which names COLUMNS."""
    return CitySource(file.length, parse_lines(file.rows, _from_row))


def _from_row(row: dict[str, Any] | str) -> CityRecord:
    if isinstance(row, str):
        raise InvalidRecord(row)
    if unknown := sorted(set(row) - set(COLUMNS.descriptions)):
        raise InvalidRecord(f"names unknown fields: {', '.join(unknown)}")
    values = {name: _text(row.get(name)) for name in COLUMNS.descriptions}
    if missing := sorted(name for name in COLUMNS.required if not values[name]):
        raise InvalidRecord(f"lacks {', '.join(missing)}")
    return build_record(
        f"csv:{values['id']}" if values["id"] else None,
        name=values["name"],
        country=values["country"].upper(),
        state=values["state"],
        latitude=values["latitude"],
        longitude=values["longitude"],
        population=values["population"] or 0,
        timezone=values["timezone"],
        other_names=[name.strip() for name in values["otherNames"].split(";") if name.strip()],
        extra=None,
    )


def _text(value: Any) -> str:
    """The text of a value: JSON files contain numbers, nulls and arrays too."""
    if isinstance(value, list):
        return ";".join(map(_text, value))
    if isinstance(value, bool | dict):
        raise InvalidRecord("contains a value that is neither text nor a number")
    return "" if value is None else str(value).strip()
