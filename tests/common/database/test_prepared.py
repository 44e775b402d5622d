"""Prepared statements: the same rows and errors as without, on connections that keep them and on those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Integer, Text, bindparam, column, func, select, table, text
from sqlalchemy.exc import DBAPIError

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db

NUMBERS = table("prepared_numbers", column("n", Integer), column("name", Text))
BY_NUMBER = select(NUMBERS.c.name).where(NUMBERS.c.n == bindparam("n"), func.length(NUMBERS.c.name) < 20)


@pytest.fixture
def numbers(app: Flask) -> Iterator[None]:
    run("CREATE TABLE prepared_numbers AS SELECT n, 'number ' || n AS name FROM generate_series(1, 9) AS n")
    yield
    run("DROP TABLE prepared_numbers")


def run(sql: str) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(sql))


def prepared_names() -> set[str]:
    """The statements of the connection that the next statement gets, which is that of the one before."""
    return {row.name for row in CompiledStatement(text("SELECT name FROM pg_prepared_statements")).all()}


def test_a_statement_is_prepared_once(numbers: None) -> None:
    before = prepared_names()
    statement = CompiledStatement(BY_NUMBER, prepared=True)
    for n in range(1, 8):
        assert [row.name for row in statement.all(n=n)] == [f"number {n}"]
    assert len(prepared_names() - before) == 1
    again = CompiledStatement(BY_NUMBER, prepared=True)
    assert again.first(n=8).name == "number 8"
    assert len(prepared_names() - before) == 1, "the same statement has the same name"


def test_a_statement_of_a_transaction_is_not_prepared(numbers: None) -> None:
    before = prepared_names()
    db.session.execute(text("SELECT 1"))
    assert CompiledStatement(BY_NUMBER, prepared=True).first(n=1).name == "number 1"
    db.session.rollback()
    assert prepared_names() == before


@pytest.mark.parametrize("value", [3, None, -1])
def test_values_are_compared_as_without(numbers: None, value: Any) -> None:
    plain = CompiledStatement(BY_NUMBER).all(n=value)
    assert CompiledStatement(BY_NUMBER, prepared=True).all(n=value) == plain


def test_text_and_lists_are_given_as_values(numbers: None) -> None:
    name = bindparam("name", type_=Text)
    statement = CompiledStatement(select(func.concat(name, "%", "'").label("text")), prepared=True)
    for value in ("it's", "100 %", "%(name)s", "$1", "\\", "ä\n"):
        assert statement.first(name=value).text == f"{value}%'"
    listed = text("SELECT count(*) FROM unnest(CAST(:ids AS uuid[])) AS id")
    assert CompiledStatement(listed, prepared=True).first(ids=[uuid4(), uuid4()]).count == 2


def test_a_change_of_the_result_is_noticed(numbers: None) -> None:
    statement = CompiledStatement(text("SELECT n FROM prepared_numbers WHERE n = :n"), prepared=True)
    assert statement.first(n=1).n == 1
    run("ALTER TABLE prepared_numbers ALTER COLUMN n TYPE text")
    run("ALTER TABLE prepared_numbers ALTER COLUMN n TYPE bigint USING n::bigint + 1")
    assert statement.first(n=2).n == 2
    assert statement.first(n=3).n == 3


def test_a_pooler_may_give_each_transaction_another_connection(numbers: None) -> None:
    statement = CompiledStatement(BY_NUMBER, prepared=True)
    assert statement.first(n=1).name == "number 1"
    run("DEALLOCATE ALL")
    for n in (2, 3):
        assert statement.first(n=n).name == f"number {n}"


def test_a_connection_may_know_the_statement_of_another_client(numbers: None) -> None:
    statement = CompiledStatement(BY_NUMBER, prepared=True)
    assert statement.first(n=1).name == "number 1"
    with db.engine.connect() as connection:
        connection.info.pop("prepared_statements")
    for n in (2, 3):
        assert statement.first(n=n).name == f"number {n}"


def test_errors_are_those_of_the_database(numbers: None) -> None:
    statement = CompiledStatement(text("SELECT 1 / CAST(:n AS integer) AS quotient"), prepared=True)
    assert statement.first(n=1).quotient == 1
    for _ in range(2):
        with pytest.raises(DBAPIError, match="division by zero"):
            statement.first(n=0)
    assert statement.first(n=1).quotient == 1
