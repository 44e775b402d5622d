"""Import of cities: COPY into a temporary table, then a merge, in one transaction.

An import emits no events: hundreds of thousands of them would delay the events that subscribers are waiting for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import psycopg2
from sqlalchemy import text
from uuid_utils.compat import uuid7

from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.runtime import current_settings
from heidi_services.city.import_record import CityRecord, InvalidRecord
from heidi_services.city.import_sources.source import NumberedRecord
from heidi_services.city.service import import_statements as sql
from heidi_services.city.service import place_index, response_cache
from heidi_services.city.service.copy_format import copy_line

BATCH = 2000
IMPORT_LOCK = 0x48656964690003
Progress = Callable[[int], object]
"""Receives the number of cities that have been read since the last call, and 0 once all of them have been read."""


class SkippedLine(NamedTuple):
    """A line that is not imported, and why."""

    number: int
    reason: str


@dataclass
class ImportReport:
    """The numbers of cities that an import has added, changed and left unchanged, and the lines that it skipped."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: list[SkippedLine] = field(default_factory=list)


def _ignore_progress(_count: int) -> None:
    pass


def import_cities(lines: Iterable[NumberedRecord], progress: Progress = _ignore_progress) -> ImportReport:
    """Add the cities that are new, and update those whose source has changed since the last import.

    A city that was changed by the API keeps its values until its source changes. A deactivated city stays inactive.
    A city without an ID is the one with the same country and name within 5 km that an earlier file without IDs added.
    The names of countries and regions are updated too, if the packages that they come from have changed.

    Args:
        lines: The cities to import, and the lines to skip.
        progress: Called after each batch.
    """
    report = ImportReport()
    with transaction():
        _begin()
        received = _copy(_valid_records(lines, report), progress)
        progress(0)
        _merge(report, received)
        response_cache.invalidate_after_commit()
    if report.added or report.changed:
        update_statistics()
    return report


def import_batch(records: Iterable[CityRecord]) -> list[Any]:
    """Import some cities as `import_cities` does, within the caller's transaction. They differ in their `source`.

    Returns:
        For each record, in their order, a row of SELECT_OUTCOMES.
    """
    batch = list(records)
    ids = [uuid7() for _ in batch]
    _begin()
    cursor = db.session.connection().connection.cursor()
    lines = map(copy_line, batch, ids)
    cursor.copy_expert("COPY incoming FROM STDIN", io.StringIO("".join(lines)))
    _merge(ImportReport(), len(batch))
    response_cache.invalidate_after_commit()
    outcomes = {row.incoming_id: row for row in _execute(sql.SELECT_OUTCOMES)}
    return [outcomes[city_id] for city_id in ids]


def _begin() -> None:
    """Wait for other imports, and create the temporary table."""
    _execute("SET LOCAL statement_timeout = 0")
    _execute("SET LOCAL lock_timeout = 0")
    _execute("SET LOCAL maintenance_work_mem = '256MB'")
    _execute(f"SELECT pg_advisory_xact_lock({IMPORT_LOCK})")
    place_index.refresh()
    _execute(sql.CREATE_INCOMING)


def _execute(statement: str, **values: Any) -> Any:
    return db.session.execute(text(statement), values)


def _valid_records(lines: Iterable[NumberedRecord], report: ImportReport) -> Iterator[CityRecord]:
    """Yield each valid city once; add the other lines to the report."""
    seen: set[str] = set()
    for number, record in lines:
        if isinstance(record, InvalidRecord):
            report.skipped.append(SkippedLine(number, str(record)))
        elif record.source in seen:
            report.skipped.append(SkippedLine(number, f"{record.source} is a duplicate of an earlier line"))
        else:
            seen.add(record.source)
            yield record


def _copy(records: Iterator[CityRecord], progress: Progress) -> int:
    """COPY all cities into the temporary table. Returns their number."""
    cursor = db.session.connection().connection.cursor()
    count = 0
    while batch := list(islice(records, BATCH)):
        cursor.copy_expert("COPY incoming FROM STDIN", io.StringIO("".join(map(copy_line, batch))))
        count += len(batch)
        progress(len(batch))
    return count


def _merge(report: ImportReport, received: int) -> None:
    _execute("ANALYZE incoming")
    if _execute(sql.HAS_CITIES_WITHOUT_ID).scalar():
        _execute(sql.MATCH_MOVED)
    districts = len(_execute(sql.ADD_DISTRICTS).all())
    changed = [row.id for row in _execute(sql.UPDATE_CHANGED)]
    with _indexes_rebuilt_if_empty():
        report.added = _execute(sql.INSERT_NEW).rowcount
        if changed:
            _execute(sql.DELETE_NAMES, ids=changed)
        _execute(sql.INSERT_NAMES, ids=changed)
    report.changed = len(changed) + districts
    report.unchanged = received - report.added - report.changed


@contextmanager
def _indexes_rebuilt_if_empty() -> Iterator[None]:
    """If there are no cities yet, drop the indexes and build them afterwards, which takes half of the time.

    Otherwise the indexes are kept, because dropping them would block readers.
    """
    empty = not _execute("SELECT EXISTS (SELECT FROM cities)").scalar()
    indexes = _execute(sql.SELECT_INDEXES).all() if empty else []
    for name, _ in indexes:
        _execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        _execute(definition.replace(":", r"\:"))


def update_statistics() -> None:
    """Update the statistics for the planner, and the visibility map for index-only scans."""
    dsn = psycopg2_dsn(current_settings().direct_database_url)
    with closing(psycopg2.connect(dsn, connect_timeout=5, options="-c statement_timeout=0")) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM (ANALYZE) cities, city_names")
