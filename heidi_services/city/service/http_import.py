"""The import of cities by HTTP. It accepts what `flask cities import --file` accepts, except GeoNames' own format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from heidi_common.import_files.rows import ImportFile, NumberedRow
from heidi_common.import_jobs.base import Importer, LineResult
from heidi_common.import_jobs.models import ImportKind, ImportOutcome
from heidi_services.city.import_record import CityRecord, InvalidRecord
from heidi_services.city.import_sources import table_file
from heidi_services.city.service import importer

Prepared = list[tuple[LineResult, CityRecord | None]]
"""The result of each row, to be completed, and the city if the row has a valid one."""


class CityImporter(Importer):
    """Adds new cities, and changes those whose source has changed."""

    kind = ImportKind.CITIES
    columns = table_file.COLUMNS
    batch_rows = 500

    def __init__(self, options: dict[str, Any], requested_by: UUID) -> None:
        super().__init__(options, requested_by)
        self._sources: dict[str, int] = {}

    def skip(self, rows: Iterable[NumberedRow]) -> None:
        """Remember the sources, so that a duplicate of an earlier row is recognized."""
        self.prepare(rows)

    def prepare(self, rows: Iterable[NumberedRow]) -> Prepared:
        return [self._prepare(number, record) for number, record in _records(rows)]

    def _prepare(self, number: int, record: CityRecord | InvalidRecord) -> tuple[LineResult, CityRecord | None]:
        if isinstance(record, InvalidRecord):
            return LineResult(number, ImportOutcome.REFUSED, detail=str(record)), None
        if record.source in self._sources:
            detail = f"the same city is in line {self._sources[record.source]}; remove one of the two"
            return LineResult(number, ImportOutcome.REFUSED, detail=detail), None
        self._sources[record.source] = number
        return LineResult(number, ImportOutcome.UNCHANGED), record

    def store(self, prepared: Prepared) -> list[LineResult]:
        rows = iter(importer.import_batch(record for _, record in prepared if record is not None))
        return [result if record is None else _completed(result, next(rows)) for result, record in prepared]

    def finish(self) -> None:
        importer.update_statistics()


def _records(rows: Iterable[NumberedRow]) -> Iterator[tuple[int, CityRecord | InvalidRecord]]:
    return table_file.read_cities(ImportFile(0, iter(rows), [])).lines


def _completed(result: LineResult, row: Any) -> LineResult:
    if row.is_new:
        outcome = ImportOutcome.CREATED
    else:
        outcome = ImportOutcome.CHANGED if row.is_changed else ImportOutcome.UNCHANGED
    return replace(result, outcome=outcome, target_id=row.city_id)
