"""Parameters of sessions as settings of the role, for PgBouncer in transaction mode, which passes no options on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import psycopg2
from psycopg2 import sql

_STORED = """
SELECT coalesce(
    (SELECT setconfig FROM pg_db_role_setting
     JOIN pg_database d ON d.oid = setdatabase JOIN pg_roles r ON r.oid = setrole
     WHERE rolname = current_user AND datname = current_database()),
    '{}'
), current_user, current_database()
"""


def session_parameters(request_time_limit: int) -> dict[str, str]:
    """The parameters with which all sessions of the platform start.

    Args:
        request_time_limit: REQUEST_TIME_LIMIT, in seconds.
    """
    limit_ms = str(request_time_limit * 1000)
    return {"timezone": "UTC", "statement_timeout": limit_ms, "lock_timeout": limit_ms}


def store(dsn: str, parameters: Mapping[str, str]) -> bool:
    """Make parameters the defaults of new sessions of the current role in the current database.

    Args:
        dsn: A direct connection.
        parameters: Name -> value.

    Returns:
        Whether any has changed.
    """
    with closing(psycopg2.connect(dsn, connect_timeout=5)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_STORED)
        stored, role, database = cursor.fetchone() or ([], "", "")
        present = {item.lower() for item in stored}  # PostgreSQL writes TimeZone
        changed = [name for name, value in parameters.items() if f"{name}={value}".lower() not in present]
        for name in changed:
            names = map(sql.Identifier, (role, database, name))
            statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}")
            cursor.execute(statement.format(*names, sql.Literal(parameters[name])))
        return bool(changed)


def differences(dsn: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that have other values in a new session: name -> the value there.

    Args:
        dsn: The connection to check, such as one through PgBouncer.
        parameters: Name -> expected value, in milliseconds where it is a time.
    """
    with closing(psycopg2.connect(dsn, connect_timeout=5)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE lower(name) = ANY(%s)", [list(parameters)])
        values = {name.lower(): value for name, value in cursor.fetchall()}
    return {name: values.get(name, "") for name, value in parameters.items() if values.get(name) != value}
