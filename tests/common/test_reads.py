"""Reads by the driver behave as reads by SQLAlchemy do: types, errors, dead connections, the time limit."""

import time
from uuid import UUID

import pytest
from flask import Flask, g
from sqlalchemy import exc, literal, select, text

from heidi_common.db import db
from heidi_common.problems import Unavailable
from heidi_common.reads import Read

PID = Read(text("SELECT pg_backend_pid() AS pid"))


def test_values_come_by_name_and_columns_go_by_name(app: Flask) -> None:
    read = Read(text("SELECT CAST(:id AS uuid) AS id, 'a' LIKE '%' || :part AS found, 7 % 4 AS rest"))
    assert read.all(id=str(UUID(int=5)), part="a") == [(UUID(int=5), True, 3)]
    row = read.first(id=UUID(int=6), part="b")
    assert (row.id, row.found, row.rest) == (UUID(int=6), False, 3)


def test_constants_of_an_expression_are_kept(app: Flask) -> None:
    assert Read(select((literal(2) + 3).label("sum"))).first().sum == 5
    assert Read(text("SELECT 1 WHERE false")).first() is None


def test_a_connection_that_has_died_in_the_pool_costs_no_answer(app: Flask) -> None:
    pid = PID.first().pid
    with db.engine.connect() as other:
        assert other.scalar(text("SELECT pg_backend_pid()")) == pid
        other.detach()  # so that the pool has another one
        victim = PID.first().pid
        other.execute(text("SELECT pg_terminate_backend(:pid, 1000)"), {"pid": victim})
    assert PID.first().pid != victim


def test_what_the_database_refuses_is_raised_as_sqlalchemy_raises_it(app: Flask) -> None:
    with pytest.raises(exc.DataError):
        Read(text("SELECT 1 / :by")).all(by=0)
    assert PID.first().pid, "the connection is good again"


def test_after_its_time_a_request_reads_no_more(app: Flask) -> None:
    with app.test_request_context("/"):
        g.deadline = time.monotonic() - 1
        with pytest.raises(Unavailable):
            PID.all()
