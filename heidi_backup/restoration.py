"""Restore a backup. The database that it replaces is kept under another name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg2 import sql

from heidi_backup import databases, verification
from heidi_backup.archive import Backup
from heidi_backup.databases import Report
from heidi_backup.programs import BackupError
from heidi_backup.storage import BackupStorage, timestamp

_LOCALE = """
SELECT datcollate, datctype, datlocprovider::text, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
FROM pg_database d WHERE datname = %s
"""
_SESSIONS = """
SELECT coalesce(nullif(application_name, ''), usename), count(*) FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend' GROUP BY 1 ORDER BY 1
"""
_DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


def is_empty(dsn: str) -> bool:
    """Whether a database has no tables."""
    with databases.connected(dsn) as connection:
        return not databases.tables(connection)


def restore(
    dsn: str, backup: Backup, identity: str, storage: BackupStorage, report: Report, *, disconnect: bool = False
) -> str:
    """Restore a backup, and compare the numbers of rows before it replaces anything.

    An empty database is filled. Otherwise the backup is restored beside the database, and the two swap their names.

    Args:
        dsn: The database.
        backup: The backup.
        identity: The secret key of an encrypted backup.
        storage: Where it is stored.
        report: Called with each step.
        disconnect: End the sessions of other processes. Without it, they make the swap fail.

    Returns:
        The name of the previous database; empty if the database was empty.

    Raises:
        BackupError: The backup cannot be restored. The database is as before, or partly filled if it was empty.
    """
    if not disconnect:
        _require_unused(dsn)
    with verification.opened(backup, identity, storage, report) as file:
        if is_empty(dsn):
            verification.load(file, dsn, report)
            verification.compare(backup, dsn, storage, report)
            return ""
        suffix = timestamp(datetime.now(UTC)).lower()
        name = databases.database_name(dsn)
        restored, previous = f"{name}_restored_{suffix}", f"{name}_before_{suffix}"
        with databases.connected(databases.maintenance_dsn(dsn)) as connection:
            _create_like(connection, name, restored)
            try:
                target = databases.with_database(dsn, restored)
                verification.load(file, target, report)
                verification.compare(backup, target, storage, report)
                _swap(connection, name, restored, previous, disconnect=disconnect)
            except BaseException:
                databases.query(connection, _statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", restored))
                raise
        return previous


def _require_unused(dsn: str) -> None:
    with databases.connected(databases.maintenance_dsn(dsn)) as connection:
        _reject_sessions(connection, databases.database_name(dsn))


def _reject_sessions(connection: Any, name: str) -> None:
    sessions = databases.query(connection, _SESSIONS, name)
    if sessions:
        users = ", ".join(f"{user} ({count})" for user, count in sessions)
        raise BackupError(
            f"The database is in use by {users}. Stop the platform's processes, or end their sessions by --disconnect."
        )


def _create_like(connection: Any, name: str, new: str) -> None:
    """Create a database with the locale of another one, on which the order of texts depends."""
    ((collate, ctype, provider, locale),) = databases.query(connection, _LOCALE, name)
    options = [("LC_COLLATE", collate), ("LC_CTYPE", ctype)]
    if provider == "i":
        options += [("LOCALE_PROVIDER", "icu"), ("ICU_LOCALE", locale)]
    elif provider == "b":
        options += [("LOCALE_PROVIDER", "builtin"), ("BUILTIN_LOCALE", locale)]
    clauses = [sql.SQL("{} {}").format(sql.SQL(key), sql.Literal(value)) for key, value in options]
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' {}")
    databases.query(connection, create.format(sql.Identifier(new), sql.SQL(" ").join(clauses)))


def _swap(connection: Any, name: str, restored: str, previous: str, *, disconnect: bool) -> None:
    if not disconnect:
        _reject_sessions(connection, name)
        _rename(connection, name, restored, previous)
        return
    # Otherwise processes that connect again would make the swap fail.
    databases.query(connection, _statement("ALTER DATABASE {} ALLOW_CONNECTIONS false", name))
    current = name
    try:
        databases.query(connection, _DISCONNECT, name)
        _rename(connection, name, restored, previous)
        current = previous
    finally:
        databases.query(connection, _statement("ALTER DATABASE {} ALLOW_CONNECTIONS true", current))


def _rename(connection: Any, name: str, restored: str, previous: str) -> None:
    databases.query(connection, _statement("ALTER DATABASE {} RENAME TO {}", name, previous))
    try:
        databases.query(connection, _statement("ALTER DATABASE {} RENAME TO {}", restored, name))
    except BaseException:
        databases.query(connection, _statement("ALTER DATABASE {} RENAME TO {}", previous, name))
        raise


def _statement(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))
