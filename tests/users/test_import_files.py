"""The same files by `flask users import` and `flask cities import`: the same results, messages and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from heidi_common.database.session import db
from heidi_common.identity.models import User
from heidi_services.city.import_sources import table_file
from heidi_services.users.schemas import UserImportIn
from heidi_services.users.service.import_columns import COLUMNS

CITIES = "name;country;latitude;longitude\nKöln;DE;50,9;6,9\nKöln;DE;50.9;6.9\n"
USERS = "email;firstName\nno address;Jürg\nb@example.test;Jürg\n"
GROUPS = {"users": (["users", "import"], USERS), "cities": (["cities", "import", "--file"], CITIES)}


@pytest.fixture
def load(app: Flask, tmp_path: Path):
    def invoke(group: str, raw: bytes, *options: str) -> Result:
        path = tmp_path / "data.csv"
        path.write_bytes(raw)
        result = app.test_cli_runner().invoke(args=[*GROUPS[group][0], str(path), *options])
        db.session.rollback()
        return result

    return invoke


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "utf-16"])
def test_refused_rows_exit_with_1_and_the_others_are_imported(load, group: str, encoding: str) -> None:
    result = load(group, GROUPS[group][1].encode(encoding))
    assert result.exit_code == 1 and "line 2: " in result.output and "line 3: skipped" not in result.output
    assert "1 created" in result.output or "1 added" in result.output
    assert ("Windows-1252" in result.stderr) == (encoding == "windows-1252")


@pytest.mark.parametrize("group", GROUPS)
def test_complete_files_exit_with_0(load, group: str) -> None:
    header, _, row = GROUPS[group][1].splitlines()
    assert load(group, f"{header}\n{row}\n".encode()).exit_code == 0


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("raw", [b"a;b\n1;2\n", b"[1,", b"PK\x03\x04", b"name;name;email;email\n"])
def test_rejected_files_exit_with_1_and_one_line(load, group: str, raw: bytes) -> None:
    result = load(group, raw)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "Nothing was imported" in result.stderr


@pytest.mark.parametrize(("group", "columns"), [("users", COLUMNS), ("cities", table_file.COLUMNS)])
def test_the_help_lists_the_columns_and_the_exit_codes(app: Flask, group: str, columns) -> None:
    output = app.test_cli_runner().invoke(args=[group, "import", "--help"]).output
    assert all(f"\n    {name} " in output for name in columns.descriptions) and "Exit codes" in output


def test_the_columns_are_the_fields_of_the_schema() -> None:
    assert set(COLUMNS.descriptions) == {field.data_key for field in UserImportIn().fields.values()}


def test_a_json_array_of_cities_is_imported(load) -> None:
    rows = b'[{"name": "Bonn", "country": "de", "latitude": 50.7, "longitude": 7.1, "id": 3, "otherNames": ["Bonna"]}]'
    assert "1 added" in load("cities", rows).output


def test_exports_contain_no_formula_and_are_imported_without_loss(app: Flask, load, tmp_path: Path) -> None:
    names = ["=HYPERLINK(1)", "+1", "-x", "@y", "'=z", "O'Neill", 'say "hi", Bob']
    db.session.add_all(
        User(email=f"{n}@example.test", first_name=name, phone="+4930123456") for n, name in enumerate(names)
    )
    db.session.commit()
    path = tmp_path / "export.csv"
    assert app.test_cli_runner().invoke(args=["users", "export", str(path)]).exit_code == 0
    fields = [field.strip('"') for line in path.read_text().splitlines() for field in line.split(",")]
    assert not any(field[:1] in ("=", "+", "-", "@") for field in fields if field)
    db.session.query(User).delete()
    db.session.commit()
    assert load("users", path.read_bytes()).stdout.splitlines()[-1] == "7 created"
    assert [user.first_name for user in db.session.query(User).order_by(User.email)] == names
    assert {user.phone for user in db.session.query(User)} == {"+4930123456"}
