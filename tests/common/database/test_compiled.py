"""Statements run by the driver behave as those run by SQLAlchemy: types, errors, dead connections, transactions."""

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


def test_values_come_by_name_and_columns_go_by_name(app: Flask) -> None:
    read = CompiledStatement(text("SELECT CAST(:id AS uuid) AS id, 'a' LIKE '%' || :part AS found, 7 % 4 AS rest"))
    assert read.all(id=str(UUID(int=5)), part="a") == [(UUID(int=5), True, 3)]
    row = read.first(id=UUID(int=6), part="b")
    assert (row.id, row.found, row.rest) == (UUID(int=6), False, 3)


def test_constants_of_an_expression_are_kept(app: Flask) -> None:
    assert CompiledStatement(select((literal(2) + 3).label("sum"))).first().sum == 5
    assert CompiledStatement(text("SELECT 1 WHERE false")).first() is None


def test_a_connection_that_has_died_in_the_pool_costs_no_answer(app: Flask) -> None:
    pid = PID.first().pid
    with db.engine.connect() as other:
        assert other.scalar(text("SELECT pg_backend_pid()")) == pid
        other.detach()  # so that the pool has another one
        victim = PID.first().pid
        other.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": victim})
    assert PID.first().pid != victim


def test_what_the_database_refuses_is_raised_as_sqlalchemy_raises_it(app: Flask) -> None:
    with pytest.raises(exc.DataError):
        CompiledStatement(text("SELECT 1 / :by")).all(by=0)
    assert PID.first().pid, "the connection is good again"


def test_after_its_time_a_request_reads_no_more(app: Flask) -> None:
    with app.test_request_context("/"):
        g.deadline = time.monotonic() - 1
        with pytest.raises(Unavailable):
            PID.all()


def test_within_a_transaction_it_takes_part(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        db.session.execute(text("CREATE TEMP TABLE seen (n int) ON COMMIT DROP"))
        CompiledStatement(text("INSERT INTO seen VALUES (:n) RETURNING n"), changes=True).all(n=5)
        assert CompiledStatement(text("SELECT n FROM seen")).first().n == 5
        raise ZeroDivisionError


def test_a_change_is_not_tried_a_second_time(app: Flask) -> None:
    killer = CompiledStatement(text("SELECT pg_terminate_backend(pg_backend_pid())"), changes=True)
    with pytest.raises(exc.OperationalError):
        killer.all()
    assert PID.first().pid


def test_a_column_that_sqlalchemy_would_fill_in_is_asked_for() -> None:
    with pytest.raises(ValueError, match="updated_at"):
        CompiledStatement(update(User).values(first_name="Ada"))


def test_a_reader_that_has_a_connection_takes_no_second_one(app: Flask) -> None:
    mine = db.session.scalar(text("SELECT pg_backend_pid()"))
    assert PID.first().pid == mine
    db.session.rollback()
