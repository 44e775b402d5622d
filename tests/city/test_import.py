"""Import of cities: skips invalid lines, changes nothing if repeated, leaves nothing behind if interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.city.import_sources import geonames
from heidi_services.city.models import CITY_NAMES, City
from heidi_services.city.service import cities, importer
from tests.conftest import ROOT
from tests.polling import until
from tests.process_environment import process_environment

HEADER = "name,country,latitude,longitude,state,population,timezone,otherNames,id\n"
ROW = "Köthen,DE,51.75185,11.97093,14,26157,Europe/Berlin,Cöthen;Koethen,7\n"
GEONAMES = (
    "2885237\tKöthen\tKoethen\tCöthen,Kethen\t51.75185\t11.97093\tP\tPPL\tDE\t\t14\t00\t15082\t15082015\t26157"
    "\t\t82\tEurope/Berlin\t2019-09-05"
)


def run(app: Flask, *args: str) -> Result:
    """`flask cities ...`, as the command line runs it."""
    return app.test_cli_runner().invoke(args=["cities", *args])


def stored() -> list[tuple[Any, ...]]:
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(text("SELECT * FROM cities ORDER BY id"))]


def count(table: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    path = tmp_path / "cities.csv"
    path.write_text(HEADER + ROW)
    return path


def test_a_csv_is_imported_and_found_by_all_its_names(app: Flask, client: FlaskClient, csv_path: Path) -> None:
    result = run(app, "import", "--file", str(csv_path))
    assert "1 added, 0 changed, 0 unchanged, 0 skipped" in result.output
    for name in ("köthen", "kothen", "cothen", "coethen"):
        city = client.get(f"/api/v1/cities/search?q={name}").json["data"][0]
        assert (city["name"], city["population"], city["timezone"]) == ("Köthen", 26157, "Europe/Berlin")


def test_a_repeated_import_changes_nothing(app: Flask, csv_path: Path) -> None:
    run(app, "import", "--file", str(csv_path))
    before, names = stored(), count(CITY_NAMES)
    result = run(app, "import", "--file", str(csv_path))
    assert "0 added, 0 changed, 1 unchanged, 0 skipped" in result.output
    assert (stored(), count(CITY_NAMES)) == (before, names)


def test_a_change_of_the_source_is_imported(app: Flask, client: FlaskClient, csv_path: Path) -> None:
    run(app, "import", "--file", str(csv_path))
    [before] = stored()
    csv_path.write_text(HEADER + ROW.replace("26157", "27000").replace("Cöthen", "Kotin"))
    assert "0 added, 1 changed, 0 unchanged" in run(app, "import", "--file", str(csv_path)).output
    [after] = stored()
    assert after[0] == before[0] and after[3] == before[3] + 1
    search = "/api/v1/cities/search?q="
    assert client.get(f"{search}kotin").json["data"][0]["population"] == 27000
    assert client.get(f"{search}cothen").json["data"][0]["name"] == "Köthen"  # one typo away from Kothen


def test_a_change_by_the_api_stays_until_the_source_changes(app: Flask, csv_path: Path) -> None:
    run(app, "import", "--file", str(csv_path))
    city = db.session.scalars(select(City)).one()
    cities.update(city.id, None, name="Köthen (Anhalt)")
    cities.deactivate(city.id, None)
    before = stored()
    assert "0 changed, 1 unchanged" in run(app, "import", "--file", str(csv_path)).output
    assert stored() == before
    csv_path.write_text(HEADER + ROW.replace("26157", "27000"))
    run(app, "import", "--file", str(csv_path))
    again = db.session.scalars(select(City)).one()
    assert (again.name, again.population, again.is_active) == ("Köthen", 27000, False)
    assert count(CITY_NAMES) == 0


def test_an_import_emits_no_events(app: Flask, csv_path: Path) -> None:
    run(app, "import", "--file", str(csv_path))
    assert count(OutboxEvent) == 0


def test_invalid_lines_are_reported_with_their_number_and_skipped(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "cities.csv"
    lines = [
        ROW.encode(),  # 2
        b"Nowhere,DE,91,0,,,,,\n",  # 3
        b"Nowhere,DE,NaN,0,,,,,\n",  # 4
        b"Nowhere,XX,1,1,,,,,\n",  # 5
        b",DE,1,1,,,,,\n",  # 6
        b"Nowhere,DE,1,1,,many,,,\n",  # 7
        b"Nowhere,DE,1,1,,,Mars/Olympus,,\n",  # 8
        b"Nowhere,DE,1\n",  # 9
        b"Nowhere,DE,1,1,,,,,8,extra\n",  # 10
        b"\xff\xfe,DE,1,1,,,,,\n",  # 11
        ROW.encode(),  # 12: the same id again
        b'"Two\nlines",DE,1,1,,,,,\n',  # 13 and 14
        b"Somewhere,de,1,180,,,,,\n",
    ]
    path.write_bytes(HEADER.encode() + b"".join(lines))
    result = run(app, "import", "--file", str(path))
    reported = [line.partition(":")[0] for line in result.stderr.splitlines()]
    assert reported == [f"line {number}" for number in range(3, 13)]
    assert "3 added, 0 changed, 0 unchanged, 10 skipped" in result.output
    somewhere = db.session.scalars(select(City).where(City.name == "Somewhere")).one()
    assert (somewhere.country, somewhere.longitude) == ("DE", -180)


def test_an_unknown_header_is_rejected(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("name,country,lat,lon\nX,DE,1,1\n")
    result = run(app, "import", "--file", str(path))
    assert result.exit_code == 1
    assert "the header lacks latitude, longitude" in result.output


def test_only_the_cities_of_a_geonames_file_are_imported(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "DE.txt"
    mountain = GEONAMES.replace("2885237", "1").replace("\tP\t", "\tT\t")
    path.write_text(f"{GEONAMES}\n{mountain}\nbroken\n")
    result = run(app, "import", "--file", str(path))
    assert "1 added, 0 changed, 0 unchanged, 1 skipped" in result.output
    assert "line 3: has 1 columns instead of 19" in result.stderr
    city = db.session.scalars(select(City)).one()
    assert (city.source, city.name, city.state, city.extra) == (
        "geonames:2885237",
        "Köthen",
        "14",
        {"geonameId": 2885237},
    )


def test_a_geonames_file_and_the_shipped_data_describe_the_same_city(app: Flask, tmp_path: Path) -> None:
    raw = {
        "geonameid": 2885237,
        "name": "Köthen",
        "countrycode": "DE",
        "admin1code": "14",
        "latitude": 51.75185,
        "longitude": 11.97093,
        "population": 26157,
        "timezone": "Europe/Berlin",
        "alternatenames": ["Cöthen", "Kethen"],
    }
    importer.import_cities([(1, geonames._from_shipped(raw))])
    path = tmp_path / "DE.txt"
    path.write_text(GEONAMES)
    assert "0 added, 0 changed, 1 unchanged" in run(app, "import", "--file", str(path)).output


def test_special_characters_are_escaped_for_copy(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "cities.csv"
    odd = 'Back\\slash "quoted" {brace},tab\there'
    path.write_text(HEADER + f'"{odd.replace(chr(34), chr(34) * 2)}",DE,1,1,\\N,,,"a\\b;c""d;{{e}}",\n')
    run(app, "import", "--file", str(path))
    city = db.session.scalars(select(City)).one()
    assert (city.name, city.state, city.other_names) == (odd, "\\N", ["a\\b", 'c"d', "{e}"])


@pytest.mark.slow
def test_all_four_sizes_are_shipped() -> None:
    lengths = [geonames.read_shipped(size).length for size in geonames.MIN_POPULATIONS]
    assert lengths == [34_006, 69_472, 170_391, 234_908]


def test_an_error_in_the_middle_leaves_the_tables_and_their_indexes_as_they_were(app: Flask) -> None:
    def fail_halfway() -> Any:
        yield from (line for _, line in zip(range(5000), geonames.read_shipped(15000).lines, strict=False))
        raise RuntimeError("the disk is gone")

    def indexes() -> set[str]:
        return set(db.session.scalars(text("SELECT indexname FROM pg_indexes WHERE tablename ~ '^cit'")))

    before = indexes()
    with pytest.raises(RuntimeError):
        importer.import_cities(fail_halfway())
    assert (count(City), count(CITY_NAMES)) == (0, 0)
    assert indexes() == before


BLOCKING_TRIGGER = """
CREATE FUNCTION block_import() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END';
CREATE TRIGGER block_import AFTER INSERT ON city_names EXECUTE FUNCTION block_import()
"""
COUNT_BLOCKED = text(
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO city_names%' AND wait_event_type = 'Lock'"
)


@contextmanager
def import_blocked_after_storing_names() -> Iterator[None]:
    """Block every import once it has stored the names, until the block ends."""
    with transaction():
        db.session.execute(text(BLOCKING_TRIGGER))
    try:
        with db.engine.connect() as holder:
            holder.execute(text("SELECT pg_advisory_xact_lock(77)"))
            yield
    finally:
        with transaction():
            db.session.execute(text("DROP FUNCTION block_import CASCADE"))


def test_a_killed_import_leaves_nothing(app: Flask, settings: Settings, tmp_path: Path) -> None:
    """Killed at the worst time: all rows are stored, but not committed."""
    path = tmp_path / "cities.csv"
    rows = (f"Town {n},DE,{47 + n / 500},10,14,{n},Europe/Berlin,Ville {n},{n}\n" for n in range(2000))
    path.write_text(HEADER + "".join(rows))
    environment = process_environment(settings, HEIDI_SERVICE="city")
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "cities", "import", "--file", str(path)]
    with import_blocked_after_storing_names(), reading() as other:
        child = subprocess.Popen(command, cwd=ROOT, env=environment)
        until(lambda: other.scalar(COUNT_BLOCKED) or child.poll() is not None)
        assert child.poll() is None, "the import ended before it was blocked"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert count(City) == 0
    assert "2,000 added" in run(app, "import", "--file", str(path)).output
    assert run(app, "stats").output.split()[:2] == ["cities", "2,000"]


def test_the_command_line_shows_nearest_and_search(app: Flask, csv_path: Path) -> None:
    run(app, "import", "--file", str(csv_path))
    near = run(app, "nearby", "51.75", "11.97", "--country", "de", "--min-population", "1000")
    assert "0.215 km" in near.output and "Köthen, DE" in near.output
    assert run(app, "nearby", "-33.9", "-151.2").output == ""
    assert "Köthen, DE" in run(app, "search", "Cothen", "--near", "-1", "2").output
    assert run(app, "search", "---").exit_code == 2
    assert run(app, "nearby", "91", "0").exit_code == 2
    assert run(app, "search", "x", "--country", "XX").exit_code == 2
