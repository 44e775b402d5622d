"""A small database with a schema, and the commands in this process and in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner, Result

from heidi_backup import cli, databases, encryption
from heidi_common.database.dsn import psycopg2_dsn
from tests.conftest import ROOT

SCHEMA = """
CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('0043');
CREATE TABLE platform_states (
    name text, subject text, value float, changed_at timestamptz, PRIMARY KEY (name, subject)
);
CREATE TABLE "Kept" (id int PRIMARY KEY, note text);
INSERT INTO "Kept" SELECT n, 'note ' || n FROM generate_series(1, 500) n;
"""


def execute(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with databases.connected(dsn) as connection:
        return databases.query(connection, statement)


@pytest.fixture
def empty_dsn(database_url: str) -> Iterator[str]:
    """A database without tables."""
    server, name = psycopg2_dsn(database_url), f"backup_{uuid.uuid4().hex}"
    execute(server, f"CREATE DATABASE {name}")
    yield databases.with_database(server, name)
    for (created,) in execute(server, f"SELECT datname FROM pg_database WHERE datname LIKE '{name}%'"):
        execute(server, f'DROP DATABASE "{created}" WITH (FORCE)')


@pytest.fixture
def dsn(empty_dsn: str) -> str:
    """A database with a table of 500 rows."""
    execute(empty_dsn, SCHEMA)
    return empty_dsn


@pytest.fixture
def environment(empty_dsn: str, tmp_path: Path) -> dict[str, str]:
    identity, recipient = encryption.new_identity()
    parts = psycopg2.extensions.parse_dsn(empty_dsn)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    return {
        "DATABASE_URL": url,
        "BACKUP_URL": f"file://{tmp_path}/backups",
        "BACKUP_RECIPIENTS": recipient,
        "BACKUP_IDENTITY": identity,
    }


Run = Callable[..., Result]


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run a command: `run("create", BACKUP_RECIPIENTS="")`."""

    def run(*arguments: str, **changes: str) -> Result:
        return CliRunner(env=environment | changes).invoke(cli.backup, arguments)

    return run


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "flask", "backup", *arguments],
            env=environment | {"PATH": os.environ["PATH"], "FLASK_SKIP_DOTENV": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stored(environment: dict[str, str]) -> list[str]:
    """The names in the folder of backups, hidden ones too."""
    folder = Path(environment["BACKUP_URL"].removeprefix("file://"))
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
