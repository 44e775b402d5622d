"""A plugin of pytest for suites of the previous release: their database gets the schema of the new version."""

from __future__ import annotations

import os
import subprocess
import sys

import flask_migrate
from flask import current_app

MIGRATE = """
import sys
import flask_migrate
from sqlalchemy import text
from heidi_common.app import base_app
from heidi_common.cli.commands import init_migrations
from heidi_common.database.session import db
from tests.conftest import ROOT, make_settings

app = base_app(make_settings(sys.argv[1], "redis://127.0.0.1:1?db=0"), "migrate")
init_migrations(app)
with app.app_context():
    flask_migrate.upgrade(str(ROOT / "migrations"))
    with db.engine.begin() as connection:  # tests of the previous release empty all tables by TRUNCATE
        connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_refuse_truncate"))
"""


def upgrade(_directory: str) -> None:
    """Run the migrations in a process of the new version, whose modules have the same names."""
    command = [sys.executable, "-c", MIGRATE, current_app.config["SQLALCHEMY_DATABASE_URI"]]
    subprocess.run(command, cwd=os.environ["NEW_VERSION"], check=True)


flask_migrate.upgrade = upgrade
