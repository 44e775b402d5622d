"""The audit trail is sent to another system: each row once, in order, without gaps."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from heidi_common.audit.chain import GENESIS_HASH
from heidi_common.audit.trail import record
from heidi_common.database.transactions import transaction
from heidi_services.auth.service import audit_export
from tests.polling import TIMEOUT_SECONDS, until


def record_rows(number: int) -> None:
    for position in range(number):
        with transaction():
            record("user_updated", detail={"number": position})


def test_each_row_is_exported_once_for_each_destination(app: Flask) -> None:
    runner = app.test_cli_runner()
    record_rows(3)
    first = [json.loads(line) for line in runner.invoke(args=["audit", "export"]).stdout.splitlines()]
    assert [row["position"] for row in first] == [1, 2, 3]
    record_rows(1)
    again = runner.invoke(args=["audit", "export"])
    assert [json.loads(line)["position"] for line in again.stdout.splitlines()] == [4]
    assert "1 rows were exported to logs" in again.stderr
    other = runner.invoke(args=["audit", "export", "--destination", "archive"]).stdout
    assert [json.loads(line)["position"] for line in other.splitlines()] == [1, 2, 3, 4]


def test_the_receiver_can_follow_the_chain(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "BATCH", 2)
    record_rows(5)
    rows: list[dict[str, Any]] = []
    assert audit_export.export_all("logs", rows.append) == 5
    assert [row["previousHash"] for row in rows] == [GENESIS_HASH, *(row["hash"] for row in rows[:-1])]


def test_a_row_that_could_not_be_written_is_exported_again(app: Flask) -> None:
    record_rows(2)
    rows: list[int] = []

    def write(row: dict[str, Any]) -> None:
        rows.append(row["position"])
        if rows == [1, 2]:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        audit_export.export_all("logs", write)
    audit_export.export_all("logs", write)
    assert rows == [1, 2, 1, 2]


def test_new_rows_are_followed_through_an_outage(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    failures = iter([OperationalError("SELECT", {}, Exception("away"))])
    read = audit_export.export_batch

    def read_or_fail(destination: str, write: Any) -> int:
        if failure := next(failures, None):
            raise failure
        return read(destination, write)

    monkeypatch.setattr(audit_export, "export_batch", read_or_fail)
    monkeypatch.setattr(audit_export, "WAIT_SECONDS", 0.01)
    stop = threading.Event()

    def follow() -> None:
        with app.app_context():
            audit_export.follow("logs", lambda row: rows.append(row["position"]), stop.wait)

    thread = threading.Thread(target=follow)
    thread.start()
    record_rows(1)
    until(lambda: rows == [1])
    record_rows(2)
    until(lambda: rows == [1, 2, 3])
    stop.set()
    thread.join(TIMEOUT_SECONDS)
    assert not thread.is_alive()
