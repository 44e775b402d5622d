"""What all sources of an import have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from heidi_services.city.import_record import CityRecord, InvalidRecord

NumberedRecord = tuple[int, CityRecord | InvalidRecord]
"""(line number, the city or the reason why the line is skipped)."""


class CitySource(NamedTuple):
    """The lines to import, and how many there are."""

    length: int
    lines: Iterator[NumberedRecord]


def parse_lines(
    numbered: Iterable[tuple[int, Any]], parse: Callable[[Any], CityRecord | None]
) -> Iterator[NumberedRecord]:
    """Parse every line. Lines for which `parse` returns None are left out, because they do not describe a city."""
    for number, raw in numbered:
        try:
            record = parse(raw)
        except InvalidRecord as error:
            yield number, error
        else:
            if record is not None:
                yield number, record


def count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
