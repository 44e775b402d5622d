"""SQL statements in the log: in development at LOG_LEVEL=DEBUG, never with their parameters."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from sqlalchemy import text

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db


def statements(settings: Settings, caplog: pytest.LogCaptureFixture, **changes: str) -> list[logging.LogRecord]:
    """Execute a statement by the ORM and one by the driver; returns what was logged about them."""
    app = base_app(replace(settings, **changes), "test")
    logging.getLogger().addHandler(caplog.handler)
    caplog.clear()
    with app.app_context():
        db.session.execute(text("SELECT :secret"), {"secret": "not in the log"}).all()
        db.session.rollback()
        CompiledStatement(text("SELECT upper(:email)")).all(email="not in the log either")
        db.engine.dispose()
    return [record for record in caplog.records if record.name == "heidi.sql"]


def test_in_development_statements_are_logged_with_their_duration(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    records = [vars(r) for r in statements(settings, caplog, environment="development", log_level="DEBUG")]
    logged = {record["sql"]: record for record in records}
    assert logged["SELECT %(secret)s"]["rows"] == logged["SELECT upper(%(email)s)"]["rows"] == 1
    assert all(record["durationMs"] >= 0 for record in records)
    assert not any("not in the log" in str(record) for record in records)


@pytest.mark.parametrize(
    ("environment", "level"), [("production", "DEBUG"), ("standalone", "DEBUG"), ("development", "INFO")]
)
def test_elsewhere_no_statement_is_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture, environment: str, level: str
) -> None:
    assert statements(settings, caplog, environment=environment, log_level=level) == []
