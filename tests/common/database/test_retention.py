"""Deletion in parts: bounded, and never of a row that has changed in between."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from heidi_common.database import retention
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.messaging.inbox import Inbox
from tests.polling import until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM inbox%'"


def add_rows(count: int) -> None:
    past = utcnow() - timedelta(days=1)
    with transaction():
        db.session.add_all(Inbox(event_id=uuid4(), consumer="x", status="done", done_at=past) for _ in range(count))


def remaining() -> int:
    number = db.session.scalar(select(func.count()).select_from(Inbox)) or 0
    db.session.rollback()
    return number


def test_all_batches_are_deleted_if_time_allows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MAX_SECONDS", 600)
    add_rows(7)
    with transaction():
        db.session.add(Inbox(event_id=uuid4(), consumer="x"))
    assert retention.delete_in_batches(Inbox, Inbox.done_at, func.now(), batch=2) is False
    assert remaining() == 1


def test_a_part_ends_when_its_time_is_up_and_tells_that_rows_are_left(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_SECONDS", -1)
    add_rows(5)
    results = [retention.delete_in_batches(Inbox, Inbox.done_at, func.now(), batch=2) for _ in range(3)]
    assert (results, remaining()) == ([True, True, False], 0)


def test_a_row_that_is_changed_in_between_is_kept(app: Flask) -> None:
    """An operator replays a dead letter while retention has already selected its row."""
    add_rows(2)
    results: list[bool] = []

    def delete() -> None:
        with app.app_context():
            results.append(retention.delete_in_batches(Inbox, Inbox.done_at, func.now()))

    with db.engine.connect() as connection:
        one_row = "(SELECT event_id FROM inbox LIMIT 1)"
        connection.execute(text(f"UPDATE inbox SET status = 'pending', done_at = NULL WHERE event_id = {one_row}"))
        thread = threading.Thread(target=delete)
        thread.start()
        with reading() as observer:
            until(lambda: observer.execute(text(WAITING)).scalar_one() == 1)
        connection.commit()
    thread.join()
    assert (results, remaining()) == ([False], 1)
