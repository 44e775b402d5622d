"""What the database of a standalone platform still needs before the services can start."""

from dataclasses import dataclass

import psycopg2

from heidi_common.database import schema_version
from heidi_standalone.errors import StartupError


@dataclass(frozen=True)
class PendingSteps:
    """The steps that a database still needs."""

    migrations: bool = True
    admin: bool = True
    client: bool = True
    cities: bool = True


def find_pending_steps(url: str, client_id: str | None) -> PendingSteps:
    """Find out what a database still needs, with a few queries: a second start need not load the platform for it.

    Args:
        url: The value of DATABASE_URL.
        client_id: ID of core's machine client, if this platform has created one.

    Raises:
        StartupError: The database cannot be used.
    """
    try:
        return _query_pending_steps(url.replace("+psycopg2", "", 1), client_id)
    except psycopg2.Error as error:
        raise StartupError(f"The database at DATABASE_URL cannot be used: {str(error).strip()}") from None


def _query_pending_steps(dsn: str, client_id: str | None) -> PendingSteps:
    with psycopg2.connect(dsn, connect_timeout=5) as connection, connection.cursor() as cursor:

        def query(statement: str, *values: object) -> object:
            cursor.execute(statement, values)
            row = cursor.fetchone()
            return row[0] if row else None

        if not query("SELECT to_regclass('alembic_version')"):
            return PendingSteps()
        if query(schema_version.SELECT_CURRENT) != schema_version.compare(None).newest:
            return PendingSteps()
        return PendingSteps(
            migrations=False,
            admin=not query("SELECT EXISTS (SELECT FROM users WHERE role = 'ADMIN' AND deleted_at IS NULL)"),
            client=not query("SELECT EXISTS (SELECT FROM clients WHERE id::text = %s)", client_id),
            cities=not query("SELECT EXISTS (SELECT FROM cities)"),
        )
