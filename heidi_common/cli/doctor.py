"""`flask doctor`: can each dependency be reached, in which version, how fast, and what to do if not."""

from __future__ import annotations

import json
import os
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
import psycopg2
import redis
import requests

from heidi_common.config.sections.processes import LocalPlatform
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import ConfigError, Settings
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.jwt.keys import PrivateKeys, PublicKeys

SECONDS = 5
OLDEST_POSTGRESQL = 15_00_00


class Complaint(Exception):
    """It answers, but not as it should."""


@dataclass(frozen=True)
class Check:
    """`ask` returns what is there (a version); it raises whatever is wrong. A check that is not needed only warns."""

    name: str
    ask: Callable[[Settings], str]
    remedy: str
    needed: bool = True


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: Check
    said: str
    ok: bool
    milliseconds: float


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other."""
    for check in (*CHECKS, *_services(settings)):
        started = time.perf_counter()
        try:
            said, ok = check.ask(settings), True
        except Exception as error:  # whatever it is, it is the finding
            said, ok = _one_line(error), False
        yield Finding(check, said, ok, (time.perf_counter() - started) * 1000)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _postgresql(settings: Settings) -> str:
    with psycopg2.connect(psycopg2_dsn(settings.database_url), connect_timeout=SECONDS) as connection:
        if connection.server_version < OLDEST_POSTGRESQL:
            raise Complaint(f"version {connection.server_version // 10000} is too old")
        return connection.get_parameter_status("server_version") or ""


def _tables(settings: Settings) -> str:
    """Not whether they are the newest: a web process does not carry Alembic. `flask db current` says that."""
    dsn = psycopg2_dsn(settings.database_url)
    with psycopg2.connect(dsn, connect_timeout=SECONDS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        row = cursor.fetchone()
    if row is None:
        raise Complaint("no migration has run")
    return f"migration {row[0]}"


def _redis(url: str) -> str:
    with redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as client:
        server = client.info("server")
    return f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])}"


def _broker(settings: Settings) -> str:
    url = settings.broker_url
    return _rabbitmq(url) if url.startswith("amqp") else _redis(url)


def _rabbitmq(url: str) -> str:
    import pika

    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = SECONDS
    parameters.connection_attempts = 1
    connection = pika.BlockingConnection(parameters)
    properties = connection._impl.server_properties
    connection.close()
    return f"RabbitMQ {properties.get('version', '')}"


def _smtp(settings: Settings) -> str:
    url = urlsplit(settings.smtp_url)
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    with kind(url.hostname or "", url.port or 25, timeout=SECONDS) as server:
        return server.ehlo()[1].decode(errors="replace").splitlines()[0]


def _signing_keys(settings: Settings) -> str:
    if not settings.jwt_private_keys:
        return "none here (only auth has them)"
    kid, _ = PrivateKeys(settings.jwt_private_keys).current()
    PublicKeys(settings.jwt_public_keys).get(kid)
    return f"current {kid}, published"


def _public_keys(settings: Settings) -> str:
    source = settings.jwt_public_keys
    if source.startswith("http"):
        text = requests.get(source, timeout=SECONDS).text
    else:
        text = source if source.lstrip().startswith("{") else Path(source).read_text()
    return f"{len(json.loads(text)['keys'])} to verify with"


def _ready(url: str) -> Callable[[Settings], str]:
    def ask(_settings: Settings) -> str:
        answer = requests.get(url, timeout=SECONDS).json()
        if answer["status"] == "down":
            raise Complaint(json.dumps(answer["dependencies"]))
        return str(answer["status"])

    return ask


def _services(settings: Settings) -> Iterator[Check]:
    """Not needed: a doctor is also asked before anything runs."""
    for name, service in SERVICES.items():
        url = settings.peer_url.format(service=name, port=service.port_from(settings.base_port))
        yield Check(
            f"service {name}", _ready(f"{url}/readyz"), "start it (`make run`, or docker compose up)", needed=False
        )


CHECKS = (
    Check("PostgreSQL", _postgresql, "start PostgreSQL 15 or later, check DATABASE_URL"),
    Check("tables", _tables, "run `make migrate`"),
    Check("Redis", lambda settings: _redis(settings.redis_url), "start Redis or Valkey, check REDIS_URL"),
    Check("broker", _broker, "start RabbitMQ (or Redis), check BROKER_URL; until then work waits"),
    Check("SMTP", _smtp, "check SMTP_URL; until then e-mail waits", needed=False),
    Check("signing keys", _signing_keys, "check JWT_PRIVATE_KEYS and JWT_PUBLIC_KEYS: they must belong together"),
    Check("public keys", _public_keys, "check JWT_PUBLIC_KEYS: a file, a JSON text or a URL"),
)


def environment() -> dict[str, str]:
    """Ours; where it says nothing, that of the standalone platform in this checkout."""
    from dotenv import dotenv_values

    home = Path(os.environ.get("HEIDI_HOME") or Path(__file__).resolve().parents[2] / LocalPlatform.home)
    ours = {"DATABASE_URL", "DATABASE_URL_FILE"}.isdisjoint(os.environ)
    found = dotenv_values(home / "env", interpolate=False) if ours else {}
    return {name: value for name, value in found.items() if value} | dict(os.environ)


def report() -> int:
    """Print the findings; 1 when something that is needed fails."""
    try:
        settings = Settings.from_env(environment())
    except ConfigError as error:
        click.echo(error, err=True)
        return 1
    failed = False
    for found in examine(settings):
        failed = failed or (not found.ok and found.check.needed)
        mark = "ok  " if found.ok else "FAIL" if found.check.needed else "warn"
        click.echo(f"{mark}  {found.check.name:20} {found.milliseconds:7.1f} ms  {found.said}")
        if not found.ok:
            click.echo(f"{'':40}-> {found.check.remedy}")
    return int(failed)
