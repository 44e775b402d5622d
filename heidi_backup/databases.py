"""Connections for backups: the schema, the lock against migrations, row counts, creating and swapping databases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from heidi_backup.programs import BackupError
from heidi_common.database import schema_version

MIGRATION_LOCK = 0x48656964690001
"""The lock of migrations/env.py: no migration runs beside a dump, which would block it and everything behind it."""
PAUSE_SECONDS = 0.5
Report = Callable[[str], object]


@contextmanager
def connected(dsn: str) -> Iterator[Any]:
    """Open a connection with autocommit, and close it.

    Raises:
        BackupError: The database is unavailable.
    """
    try:
        # With PgBouncer, the role has the time limits of requests as its settings.
        options = "-c statement_timeout=0 -c lock_timeout=0"
        connection = psycopg2.connect(dsn, connect_timeout=5, application_name="heidi-backup", options=options)
    except psycopg2.OperationalError as error:
        raise BackupError(f"The database is unavailable: {str(error).strip().partition(chr(10))[0]}") from None
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def query(connection: Any, statement: Any, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows.

    Raises:
        BackupError: It failed, for example because the role lacks a privilege.
    """
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement, values or None)
        except psycopg2.Error as error:
            raise BackupError(f"The database refused a statement: {' '.join(str(error).split())[:300]}") from None
        return list(cursor.fetchall()) if cursor.description else []


def revision(connection: Any) -> str | None:
    """The migration that the database has reached; None before the first one."""
    ((table,),) = query(connection, "SELECT to_regclass('alembic_version')::text")
    rows = query(connection, schema_version.SELECT_CURRENT) if table else []
    return str(rows[0][0]) if rows else None


@contextmanager
def without_migrations(dsn: str, report: Report) -> Iterator[Any]:
    """Wait until the schema exists and no migration runs, and keep migrations waiting until the end of the block."""
    with connected(dsn) as connection:
        if not _locked(connection):
            report("Waiting for a migration to finish ...")
        while not _locked(connection):
            time.sleep(PAUSE_SECONDS)
        yield connection


def wait_for_schema(dsn: str, report: Report) -> None:
    """Wait until the first migrations have been applied: an earlier backup would be empty."""
    waits = False
    while True:
        with suppress(BackupError), connected(dsn) as connection:
            if revision(connection):
                return
        if not waits:
            report("Waiting for the database and its schema ...")
            waits = True
        time.sleep(PAUSE_SECONDS)


def _locked(connection: Any) -> bool:
    ((locked,),) = query(connection, "SELECT pg_try_advisory_lock_shared(%s)", MIGRATION_LOCK)
    return bool(locked)


def tables(connection: Any) -> list[str]:
    """The names of all tables, in alphabetical order."""
    statement = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    return [name for (name,) in query(connection, statement)]


def count_rows(connection: Any, report: Callable[[int, int], object] = lambda *_: None) -> dict[str, int]:
    """Count the rows of each table, in the snapshot of the connection's transaction.

    Args:
        connection: A connection.
        report: Called with the number of tables that were counted, and of all tables.

    Returns:
        Table -> number of rows.
    """
    names = tables(connection)
    counts: dict[str, int] = {}
    for name in names:
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", name))
        ((counts[name],),) = query(connection, statement)
        report(len(counts), len(names))
    return counts


def server_version(connection: Any) -> int:
    """The server's major version."""
    return int(connection.server_version // 10000)


def database_name(dsn: str) -> str:
    """The database that a connection string names; libpq's default is the user's name."""
    parts = parse_dsn(dsn)
    return str(parts.get("dbname") or parts["user"])


def with_database(dsn: str, name: str) -> str:
    """The connection string of another database of the same server."""
    return str(make_dsn(**parse_dsn(dsn) | {"dbname": name}))


def maintenance_dsn(dsn: str) -> str:
    """The connection string of a database from which another one can be renamed and dropped."""
    return with_database(dsn, "template1" if database_name(dsn) == "postgres" else "postgres")
