"""Compiled statements behave as those of SQLAlchemy do: types, errors, dead connections, transactions."""

import time
from uuid import UUID

import pytest
from flask import Flask, g
from sqlalchemy import exc, literal, select, text, update

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.problems import Unavailable

PID = CompiledStatement(text("SELECT pg_backend_pid() AS pid"))


def test_parameters_and_columns_are_named(app: Flask) -> None:
    statement = CompiledStatement(
        text("SELECT CAST(:id AS uuid) AS id, 'a' LIKE '%' || :part AS matches, 7 % 4 AS rest")
    )
    assert statement.all(id=str(UUID(int=5)), part="a") == [(UUID(int=5), True, 3)]
    row = statement.first(id=UUID(int=6), part="b")
    assert (row.id, row.matches, row.rest) == (UUID(int=6), False, 3)


def test_an_expression_keeps_its_constants(app: Flask) -> None:
    assert CompiledStatement(select((literal(2) + 3).label("sum"))).first().sum == 5
    assert CompiledStatement(text("SELECT 1 WHERE false")).first() is None


def test_a_dead_connection_in_the_pool_does_not_fail_a_read(app: Flask) -> None:
    pid = PID.first().pid
    with db.engine.connect() as other:
        assert other.scalar(text("SELECT pg_backend_pid()")) == pid
        other.detach()  # so that the pool opens another connection
        victim = PID.first().pid
        other.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": victim})
    assert PID.first().pid != victim


def test_an_error_of_the_database_is_raised_as_sqlalchemy_raises_it(app: Flask) -> None:
    with pytest.raises(exc.DataError):
        CompiledStatement(text("SELECT 1 / :by")).all(by=0)
    assert PID.first().pid, "the connection can be used again"


def test_a_request_past_its_deadline_does_not_start_a_statement(app: Flask) -> None:
    with app.test_request_context("/"):
        g.deadline = time.monotonic() - 1
        with pytest.raises(Unavailable):
            PID.all()


def test_it_takes_part_in_the_transaction_around_it(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        db.session.execute(text("CREATE TEMP TABLE seen (n int) ON COMMIT DROP"))
        CompiledStatement(text("INSERT INTO seen VALUES (:n) RETURNING n"), changes=True).all(n=5)
        assert CompiledStatement(text("SELECT n FROM seen")).first().n == 5
        raise ZeroDivisionError


def test_a_change_is_not_repeated(app: Flask) -> None:
    killer = CompiledStatement(text("SELECT pg_terminate_backend(pg_backend_pid())"), changes=True)
    with pytest.raises(exc.OperationalError):
        killer.all()
    assert PID.first().pid


def test_a_column_that_sqlalchemy_would_compute_is_an_error() -> None:
    with pytest.raises(ValueError, match="updated_at"):
        CompiledStatement(update(User).values(first_name="Ada"))


def test_a_reader_that_holds_a_connection_does_not_take_a_second_one(app: Flask) -> None:
    session_pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    assert PID.first().pid == session_pid
    db.session.rollback()
