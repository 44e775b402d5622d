"""The migration that gives core's machine client the scopes of its operations."""

import flask_migrate
from flask import Flask
from sqlalchemy import text

from heidi_common.audit.chain import verify_chain
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.operations.registry import core_scopes
from tests.conftest import ROOT

INSERT = """
INSERT INTO clients (id, name, secret_hash, scopes, revoked_at)
VALUES (gen_random_uuid(), :name, '-', CAST(:scopes AS text[]), CAST(:revoked_at AS timestamptz))
"""
CLIENTS = (
    ("core", ["notifications:write"], None),
    ("core", ["notifications:write"], "2026-01-01T00:00:00Z"),
    ("core", ["notifications:write", "reports:read"], None),
    ("shop", ["notifications:write"], None),
)


def stored() -> list[tuple[str, list[str], bool]]:
    rows = db.session.execute(text("SELECT name, scopes, revoked_at IS NOT NULL FROM clients")).all()
    db.session.rollback()
    return sorted(tuple(row) for row in rows)


def test_only_the_client_that_version_1_0_created_for_core_gets_the_scopes(scratch: Flask) -> None:
    folder = str(ROOT / "migrations")
    flask_migrate.upgrade(folder, revision="0012")
    with transaction():
        for name, scopes, revoked_at in CLIENTS:
            db.session.execute(text(INSERT), {"name": name, "scopes": scopes, "revoked_at": revoked_at})
    before = stored()
    flask_migrate.upgrade(folder)
    changed = [row for row in stored() if row not in before]
    assert changed == [("core", [str(scope) for scope in core_scopes()], False)]
    audited = db.session.execute(text("SELECT action, outcome, detail FROM audit")).all()
    assert [tuple(row) for row in audited] == [("client_updated", "success", {"scopes": changed[0][1]})]
    assert verify_chain().broken_at is None
    db.session.rollback()
    flask_migrate.downgrade(folder, revision="0012")
    assert stored() == before
