"""Transactions, and connections across a restart of the server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from heidi_common.app import base_app
from heidi_common.database import session
from heidi_common.database.session import db
from heidi_common.database.transactions import after_commit, reading, transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_standalone.servers.postgres import Postgres
from tests.conftest import make_settings


def add_event() -> None:
    db.session.add(OutboxEvent(id=uuid4(), type="an.event", subject="1", data={}))


def committed_events() -> int:
    """The number of events that another connection sees."""
    with reading() as connection:
        return connection.execute(select(func.count()).select_from(OutboxEvent)).scalar_one()


def test_an_inner_transaction_joins_the_outer_one(app: Flask) -> None:
    with transaction():
        with transaction():
            add_event()
        assert committed_events() == 0
    assert committed_events() == 1


def test_an_error_in_the_outer_transaction_rolls_back_the_inner_one(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        with transaction():
            add_event()
        _ = 1 / 0
    assert committed_events() == 0


def test_after_commit_runs_after_the_commit_and_not_after_a_rollback(app: Flask) -> None:
    seen: list[int] = []
    with transaction():
        add_event()
        with transaction():
            after_commit(lambda: seen.append(committed_events()))
        assert seen == []
    assert seen == [1]
    with pytest.raises(ZeroDivisionError), transaction():
        after_commit(lambda: seen.append(-1))
        _ = 1 / 0
    assert seen == [1]


def test_a_restarted_database_does_not_fail_a_request(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was idle is checked before it is used."""
    monkeypatch.setattr(session, "IDLE_CHECK_SECONDS", 0)
    server = Postgres(tmp_path / "data", durable=False)
    server.start()
    app = base_app(make_settings(server.url, redis_url), "test")
    with app.app_context():
        before = _backend()
        server.stop()
        server.start()
        assert _backend() != before
        with reading() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        db.engine.dispose()
    server.stop()


def _backend() -> int:
    with db.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
