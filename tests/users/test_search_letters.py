"""People are found whichever way their names are accented, by the index, on tables that were filled before."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.database.text_search import plain_letters
from heidi_common.database.transactions import reading
from heidi_common.identity.models import Role
from tests.conftest import ROOT
from tests.sql_recorder import noted

USERS = "/api/v1/users"
FILL = """INSERT INTO users (id, email, first_name, last_name)
    SELECT gen_random_uuid(), n || '@example.test', 'José', 'Núñez' || to_hex(n * 7919)
    FROM generate_series(1, 20000) n"""


@pytest.mark.parametrize("q", ["Jose", "José", "JOSÉ", "jose\u0301", "nunez", "Núñez", "jo", "Þór", "thor", "STRASSE"])
def test_accents_do_not_matter(client: FlaskClient, as_user: Callable[..., Any], q: str) -> None:
    as_user(email="who@example.test", first_name="José Þór", last_name="Núñez-Straße")
    as_user(email="other@example.test", first_name="Max", last_name="Other")
    found = client.get(USERS, query_string={"q": q}, headers=as_user(Role.ADMIN).headers).json["data"]
    assert [user["email"] for user in found] == ["who@example.test"]


def test_python_and_the_database_make_the_same_of_every_letter(app: Flask) -> None:
    codes = (*range(0x20, 0x3100), *range(0xAC00, 0xAC80), *range(0xFF00, 0xFFF0))
    known = [chr(code) for code in codes if unicodedata.category(chr(code)) != "Cn"]
    with reading() as connection:
        sql = text("SELECT letter, plain_letters(letter) AS made FROM unnest(CAST(:letters AS text[])) letter")
        found = {row.letter: row.made for row in connection.execute(sql, {"letters": known})}
    assert len(found) == len(known)
    assert {letter: made for letter, made in found.items() if made != plain_letters(letter)} == {}


def test_a_search_walks_the_trigrams(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    headers = as_user(Role.ADMIN).headers
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(FILL))
        connection.execute(text("VACUUM (ANALYZE) users"))
    with noted() as sent:
        assert client.get(f"{USERS}?q=núñez1eef", headers=headers).status_code == 200
    [(statement, values)] = [one for one in sent if "users" in one[0] and "LIKE" in one[0]]
    with reading() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
    assert "ix_users_search" in plan and "Seq Scan" not in plan, plan


def test_the_search_of_a_table_that_has_people_is_made_anew_and_taken_back(scratch: Flask) -> None:
    def searched() -> set[str]:
        with reading() as connection:
            return set(connection.execute(text("SELECT DISTINCT left(search, 11) FROM users")).scalars())

    folder = str(ROOT / "migrations")
    flask_migrate.upgrade(folder, revision="0010")
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(FILL))
    flask_migrate.upgrade(folder)
    assert searched() == {" jose nunez"}
    flask_migrate.downgrade(folder, revision="0010")
    assert searched() == {" josé núñez"}
