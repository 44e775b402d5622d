"""Search ignores accents, uses the index, and covers rows that were inserted before the migration."""

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
from tests.sql_recorder import recorded_statements

USERS = "/api/v1/users"
FILL = """INSERT INTO users (id, email, first_name, last_name)
    SELECT gen_random_uuid(), n || '@example.test', 'José', 'Núñez' || to_hex(n * 7919)
    FROM generate_series(1, 20000) n"""


@pytest.mark.parametrize("q", ["Jose", "José", "JOSÉ", "jose\u0301", "nunez", "Núñez", "jo", "Þór", "thor", "STRASSE"])
def test_accents_do_not_matter(client: FlaskClient, as_user: Callable[..., Any], q: str) -> None:
    as_user(email="who@example.test", first_name="José Þór", last_name="Núñez-Straße")
    as_user(email="other@example.test", first_name="Max", last_name="Other")
    users = client.get(USERS, query_string={"q": q}, headers=as_user(Role.ADMIN).headers).json["data"]
    assert [user["email"] for user in users] == ["who@example.test"]


def test_python_and_the_database_convert_every_letter_alike(app: Flask) -> None:
    codes = (*range(0x20, 0x3100), *range(0xAC00, 0xAC80), *range(0xFF00, 0xFFF0))
    known = [chr(code) for code in codes if unicodedata.category(chr(code)) != "Cn"]
    with reading() as connection:
        sql = text("SELECT letter, plain_letters(letter) AS plain FROM unnest(CAST(:letters AS text[])) letter")
        plain = {row.letter: row.plain for row in connection.execute(sql, {"letters": known})}
    assert len(plain) == len(known)
    assert {letter: result for letter, result in plain.items() if result != plain_letters(letter)} == {}


def test_a_search_uses_the_trigram_index(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    headers = as_user(Role.ADMIN).headers
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(FILL))
        connection.execute(text("VACUUM (ANALYZE) users"))
    with recorded_statements() as sent:
        assert client.get(f"{USERS}?q=núñez1eef", headers=headers).status_code == 200
    [(statement, values)] = [item for item in sent if "users" in item[0] and "LIKE" in item[0]]
    with reading() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
    assert "ix_users_search" in plan and "hx_users_search_aliases" in plan and "Seq Scan" not in plan, plan


def test_the_migration_rebuilds_the_search_column_of_existing_rows_and_can_be_reversed(scratch: Flask) -> None:
    def search_values() -> set[str]:
        with reading() as connection:
            return set(connection.execute(text("SELECT DISTINCT left(search, 11) FROM users")).scalars())

    folder = str(ROOT / "migrations")
    flask_migrate.upgrade(folder, revision="0010")
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(FILL))
    flask_migrate.upgrade(folder)
    assert search_values() == {" jose nunez"}
    flask_migrate.downgrade(folder, revision="0010")
    assert search_values() == {" josé núñez"}
