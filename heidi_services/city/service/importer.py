"""The import: by COPY into a temporary table, then one merge; all of it or nothing.

Emits no facts: an import is a change of the stock, not of one city, and a quarter of a million facts would
only delay those that somebody waits for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import text
from uuid_utils import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_services.city.import_record import Place, Unusable
from heidi_services.city.import_sources import Line
from heidi_services.city.service import response_cache
from heidi_services.city.service.name_index import WEIGHT

BATCH = 2000
Progress = Callable[[int], object]


class Broken(NamedTuple):
    """A line that was skipped."""

    number: int
    reason: str


@dataclass
class Report:
    """What an import has done."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    broken: list[Broken] = field(default_factory=list)


_COLUMNS = "name, country, state, latitude, longitude, population, timezone, metadata, other_names"
_INCOMING = """CREATE TEMPORARY TABLE incoming (
    id uuid, source text, digest text, name text, country text, state text, latitude float8, longitude float8,
    population int, timezone text, metadata jsonb, other_names text[], names text[]) ON COMMIT DROP"""
_CHANGE = f"""UPDATE cities c SET ({_COLUMNS}) = (SELECT {", ".join(f"i.{c}" for c in _COLUMNS.split(", "))}),
    source_digest = i.digest, version = version + 1, updated_at = now()
    FROM incoming i WHERE i.source = c.source AND i.digest <> c.source_digest RETURNING c.id"""  # nosec  # B608: constants
_ADD = f"""INSERT INTO cities (id, source, source_digest, {_COLUMNS})
    SELECT id, source, digest, {_COLUMNS} FROM incoming i
    WHERE NOT EXISTS (SELECT FROM cities c WHERE c.source = i.source)"""  # nosec  # B608: constants
_FORGET = "DELETE FROM city_names WHERE city_id = ANY(:ids)"
_NAME = f"""INSERT INTO city_names (city_id, name, country, weight)
    SELECT c.id, n, c.country, {WEIGHT.format(city="c")}
    FROM incoming i JOIN cities c USING (source), unnest(i.names) n
    WHERE c.is_active AND (c.id = i.id OR c.id = ANY(:ids))"""  # nosec  # B608: constants
_INDEXES = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid IN ('cities'::regclass, 'city_names'::regclass) AND NOT indisunique"""
LOCK = 0x48656964690003


def load(lines: Iterable[Line], progress: Progress = lambda _: None) -> Report:
    """Import the places that are new or whose source has changed since; `progress` hears how many were read.

    A city that was changed by hand is left as it is until its source changes; a deactivated one stays so.
    """
    report = Report()
    with transaction():
        _run("SET LOCAL statement_timeout = 0")
        _run("SET LOCAL lock_timeout = 0")
        _run("SET LOCAL maintenance_work_mem = '256MB'")
        _run(f"SELECT pg_advisory_xact_lock({LOCK})")
        _run(_INCOMING)
        received = _receive(_sound(lines, report), progress)
        progress(0)
        _merge(report, received)
        response_cache.renew_after_commit()
    if report.added or report.changed:
        _tidy()
    return report


def _run(sql: str, **values: Any) -> Any:
    return db.session.execute(text(sql), values)


def _sound(lines: Iterable[Line], report: Report) -> Iterator[Place]:
    """The usable places, each once; the others go into the report."""
    seen: set[str] = set()
    for number, line in lines:
        if isinstance(line, Unusable):
            report.broken.append(Broken(number, str(line)))
        elif line.source in seen:
            report.broken.append(Broken(number, f"{line.source} stands in this import already"))
        else:
            seen.add(line.source)
            yield line


def _receive(places: Iterator[Place], progress: Progress) -> int:
    """COPY all places into the temporary table."""
    cursor = db.session.connection().connection.cursor()
    count = 0
    while batch := list(islice(places, BATCH)):
        cursor.copy_expert("COPY incoming FROM STDIN", io.StringIO("".join(map(_line, batch))))
        count += len(batch)
        progress(len(batch))
    return count


def _merge(report: Report, received: int) -> None:
    _run("ANALYZE incoming")
    changed = [row.id for row in _run(_CHANGE)]
    with _indexes_built_afterwards():
        report.added = _run(_ADD).rowcount
        if changed:
            _run(_FORGET, ids=changed)
        _run(_NAME, ids=changed)
    report.changed = len(changed)
    report.unchanged = received - report.added - report.changed


@contextmanager
def _indexes_built_afterwards() -> Iterator[None]:
    """Into an empty table: without its indexes, which are then built in one go in half the time.

    Dropping locks readers out, so a table that holds cities keeps them.
    """
    empty = not _run("SELECT EXISTS (SELECT FROM cities)").scalar()
    indexes = _run(_INDEXES).all() if empty else []
    for name, _ in indexes:
        _run(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        _run(definition.replace(":", r"\:"))


def _tidy() -> None:
    """Fresh statistics for the planner and the visibility map for index-only scans."""
    with reading() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE) cities, city_names"))
        connection.execute(text("RESET statement_timeout"))


def _line(found: Place) -> str:
    """One line of COPY's text format."""
    values = (str(uuid7()), *found[:10], _array(found.other_names), _array(found.index_names))
    return "\t".join(r"\N" if value is None else _escaped(str(value)) for value in values) + "\n"


def _array(words: list[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
    return "{" + ",".join(f'"{word}"' for word in quoted) + "}"


def _escaped(value: str) -> str:
    if "\\" in value or "\t" in value or "\n" in value or "\r" in value:
        return value.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
    return value
