from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.audit.chain import GENESIS_HASH, verify_chain
from heidi_common.audit.fingerprint import fingerprint
from heidi_common.audit.trail import Audit, record, record_failure
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction


def rows() -> list[Audit]:
    db.session.rollback()
    return list(db.session.scalars(select(Audit).order_by(Audit.position)))


def record_updates(count: int = 3) -> None:
    for number in range(count):
        with transaction():
            record("user_updated", actor="a", target="b", detail={"number": number, "name": "Zoë"})


def test_rows_have_positions_and_are_chained(app: Flask) -> None:
    record_updates()
    entries = rows()
    assert [row.position for row in entries] == [1, 2, 3]
    assert [row.previous_hash for row in entries] == [GENESIS_HASH, entries[0].hash, entries[1].hash]
    assert verify_chain().rows == 3 and verify_chain().head == entries[2].hash and verify_chain().broken_at is None


def test_a_rollback_discards_its_row_but_not_that_of_a_failure(app: Flask) -> None:
    with pytest.raises(RuntimeError), transaction():
        record("user_deleted")
        raise RuntimeError
    record_failure("authn_login_fail", target=fingerprint("ada@example.test"))
    entries = rows()
    assert [(row.action, row.outcome) for row in entries] == [("authn_login_fail", "failure")]
    assert entries[0].target.startswith("hmac:") and "ada" not in entries[0].target


@pytest.mark.parametrize(
    "statement",
    [
        update(Audit).values(action="nothing"),
        text("DELETE FROM audit"),
        text("UPDATE audit SET hash = hash"),
        text("TRUNCATE audit"),
    ],
)
def test_the_database_refuses_to_change_or_delete_a_row(app: Flask, statement) -> None:
    record_updates()
    with pytest.raises(SQLAlchemyError, match="append-only"):
        db.session.execute(statement)
    assert len(rows()) == 3


TAMPERINGS = {
    "changed": ("UPDATE audit SET detail = '{}' WHERE position = 2", 2),
    "deleted": ("DELETE FROM audit WHERE position = 2", 3),
    "rewritten with its own hash": ("UPDATE audit SET hash = repeat('a', 64) WHERE position = 2", 2),
    "moved in time": ("UPDATE audit SET at = at - interval '1 second' WHERE position = 3", 3),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_chain_reveals_changes_that_bypass_the_trigger(app: Flask, name: str) -> None:
    statement, broken_at = TAMPERINGS[name]
    record_updates()
    with transaction():
        for command in ("DISABLE", "ENABLE"):
            db.session.execute(text(f"ALTER TABLE audit {command} TRIGGER audit_refuse"))
            if command == "DISABLE":
                db.session.execute(text(statement))
    assert verify_chain().broken_at == broken_at
    result = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert result.exit_code == 1 and f"BROKEN at row {broken_at}" in result.output


def test_concurrent_writers_produce_one_chain(app: Flask) -> None:
    def write(_: int) -> None:
        with app.app_context():
            record_updates(5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert [row.position for row in rows()] == list(range(1, 41))
    assert verify_chain().rows == 40


def test_two_transactions_that_lock_rows_in_between_do_not_wait_for_each_other(app: Flask) -> None:
    """The chain's lock is taken at the commit, so that recording first and locking rows later cannot deadlock."""

    def work(key: int) -> None:
        with app.app_context(), transaction():
            record("user_updated", detail={"key": key})
            db.session.execute(text("SELECT pg_advisory_xact_lock(77), pg_sleep(0.1)"))
            record("user_updated", detail={"key": key})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert verify_chain().rows == 8


def test_the_commands_print_the_state_and_the_latest_rows(app: Flask) -> None:
    record_updates()
    runner = app.test_cli_runner()
    assert runner.invoke(args=["audit", "verify"]).output.startswith("3 rows are intact; head ")
    listed = runner.invoke(args=["audit", "list", "--action", "user_updated", "--limit", "2"]).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["3", "2"]
