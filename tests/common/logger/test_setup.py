"""Logs contain no e-mail addresses, password hashes or tokens."""

from __future__ import annotations

import logging
import sys

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import exc
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.logger import formatters

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
