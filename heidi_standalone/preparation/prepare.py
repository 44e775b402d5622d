"""`flask prepare`: what the database needs before the services of this version can start."""

from __future__ import annotations

import os
import subprocess  # nosec B404  # runs flask
import sys
import time

import click
import psycopg2

from heidi_common.config.declaration import read_one
from heidi_common.config.secret_files import value_of
from heidi_common.config.sections.processes import environment
from heidi_common.config.sections.security import Http
from heidi_common.database import role_settings, schema_version
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.startup.reports import is_for_people, relay_line, report
from heidi_services.city.gazetteer import data_version
from heidi_standalone.paths import ROOT

NAME = "migrate"
"""The process in its lines of the log."""
WAIT_SECONDS = 60.0
"""How long to wait for a database that is starting."""
DEFAULT_SET = 15000
_CITIES_ARE_CURRENT = (
    "SELECT EXISTS (SELECT FROM cities)"
    " AND EXISTS (SELECT FROM platform_states WHERE name = 'shippedCities' AND subject = %s)"
)


def main() -> int:
    """Migrate the database and import the cities. If neither is needed, the platform is not loaded for it.

    Returns:
        The exit code.
    """
    env = environment()
    direct = value_of(env, "DATABASE_DIRECT_URL")
    dsn = psycopg2_dsn(direct or value_of(env, "DATABASE_URL"))
    if not dsn:
        raise click.ClickException("DATABASE_URL is missing: set it to the URL of the database.")
    state = _wait_for_schema(dsn)
    if direct:
        parameters = role_settings.session_parameters(read_one(Http, "request_time_limit", env))
        if role_settings.store(dsn, parameters):
            report(NAME, "Stored the time limits of sessions as settings of the role, for PgBouncer")
    if state.missing:
        report(NAME, f"Migrating from {state.current or 'an empty database'} to {state.newest}")
        if code := _flask(env, "db", "upgrade"):
            return code
    if _cities_are_current(dsn):
        current = state.newest if state.missing else state.current
        report(NAME, f"The schema has migration {current}, and the cities are current")
        return 0
    return _flask(env, "cities", "import")


def _wait_for_schema(dsn: str) -> schema_version.SchemaVersion:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return _read_schema(dsn)
        except psycopg2.OperationalError as error:
            if time.monotonic() > end:
                reason = str(error).strip().partition("\n")[0]
                raise click.ClickException(f"The database at DATABASE_URL is unavailable: {reason}") from None
            time.sleep(0.5)


def _read_schema(dsn: str) -> schema_version.SchemaVersion:
    with psycopg2.connect(dsn, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        if cursor.fetchone() == (None,):
            return schema_version.compare(None)
        cursor.execute(schema_version.SELECT_CURRENT)
        row = cursor.fetchone()
        return schema_version.compare(row[0] if row else None)


def _cities_are_current(dsn: str) -> bool:
    with psycopg2.connect(dsn, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(_CITIES_ARE_CURRENT, [data_version.cities_version(DEFAULT_SET)])
        row = cursor.fetchone()
        return bool(row and row[0])


def _flask(env: dict[str, str], *arguments: str) -> int:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    environ = os.environ | env
    if is_for_people():
        return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode  # nosec B603
    with subprocess.Popen(  # nosec B603
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            relay_line(NAME, line)
    return process.returncode
