"""Logs contain no e-mail addresses, password hashes or tokens. Lines of requests have the format of all others."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import exc
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.logger import formatters
from heidi_common.logger.json_lines import log_fields
from heidi_common.logger.request_id import bound_request_id
from heidi_common.logger.setup import configure_logging

EMAIL, HASH = "ann@example.org", "$argon2id$secret"


@pytest.mark.parametrize("formatter", [formatters.ConsoleFormatter(), formatters.json_formatter()])
def test_values_that_the_database_rejects_are_not_in_the_log(app: Flask, formatter: logging.Formatter) -> None:
    users = [User(id=uuid7(), email=EMAIL, password_hash=HASH) for _ in range(2)]
    try:
        with transaction():
            db.session.add_all(users)
    except exc.IntegrityError:
        record = logging.LogRecord("heidi", logging.ERROR, __file__, 1, "unexpected error", None, sys.exc_info())
    line = formatter.format(record)
    assert "uq_users_email" in line
    assert EMAIL not in line and HASH not in line


def test_a_token_in_a_path_is_not_in_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "heidi.access"):
        client.get("/api/v1/notifications/unsubscribe/a-secret-token")
        client.get("/api/v1/cities")
    paths = [vars(record)["path"] for record in caplog.records if record.name == "heidi.access"]
    assert paths == ["/api/v1/notifications/unsubscribe/<token>", "/api/v1/cities"]


FIELDS = {"method": "GET", "path": '/ü"\n', "route": None, "status": 200, "durationMs": 1.5, "address": "::1"}


@pytest.fixture
def log_to_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Configure logging with a file as stderr. Called within a test, it replaces the handlers of pytest."""
    path, root = tmp_path / "stderr", logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with path.open("w") as file:

        def configure(level: str, log_format: str) -> Path:
            monkeypatch.setattr(sys, "stderr", file)
            configure_logging("city", level, log_format)
            return path

        yield configure
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_without_a_record_equals_that_of_a_record(log_to_file: Callable[[str, str], Path]) -> None:
    stderr = log_to_file("INFO", "json")
    logger = logging.getLogger("heidi.access")
    with bound_request_id("request-4711"):
        logger.info("request", extra=FIELDS)
        with mock.patch.object(logger, "handle", side_effect=AssertionError("no record is needed")):
            log_fields(logger, "request", FIELDS)
    first, second = stderr.read_text().splitlines()
    lines = [json.loads(first), json.loads(second)]
    assert list(lines[0]) == list(lines[1])
    times = [datetime.fromisoformat(line.pop("time")) for line in lines]
    assert times[0] <= times[1] and times[1].utcoffset() == timedelta(0)
    assert lines[0] == lines[1] and lines[0]["requestId"] == "request-4711"


def test_records_of_fields_reach_all_handlers_and_filters(
    log_to_file: Callable[[str, str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    stderr = log_to_file("INFO", "json")
    logger = logging.getLogger("heidi.access")
    logger.addFilter(lambda record: "secret" not in record.msg)  # type: ignore[arg-type]
    try:
        log_fields(logger, "secret", FIELDS)
    finally:
        logger.filters.clear()
    assert stderr.read_text() == ""
    logging.getLogger().addHandler(caplog.handler)
    log_fields(logger, "request", FIELDS)
    assert [vars(record)["status"] for record in caplog.records] == [200]
    assert len(stderr.read_text().splitlines()) == 1


def test_the_level_applies_to_fields(log_to_file: Callable[[str, str], Path]) -> None:
    stderr = log_to_file("WARNING", "json")
    log_fields(logging.getLogger("heidi.access"), "request", FIELDS)
    assert stderr.read_text() == ""


def test_console_lines_of_fields_are_text(log_to_file: Callable[[str, str], Path]) -> None:
    stderr = log_to_file("INFO", "console")
    log_fields(logging.getLogger("heidi.access"), "request", FIELDS)
    assert "request  method=GET" in stderr.read_text()
