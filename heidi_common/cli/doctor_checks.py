"""The checks of `flask doctor`: how each dependency is contacted, and what to do if that fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg2
import redis
import requests

from heidi_common.config.sections.processes import WebProcess, environment
from heidi_common.config.service_registry import REALTIME, SERVICES, load_all_models
from heidi_common.config.settings import Settings
from heidi_common.database import connection_budget, role_settings, schema_version
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.database.models import Base
from heidi_common.identity.scopes import known_scopes
from heidi_common.jwt.keys import PublicKeys
from heidi_common.jwt.signing_keys import PrivateKeys
from heidi_common.operations.registry import core_scopes
from heidi_common.schemas import timezones
from heidi_common.server.heartbeat_files import ROLES, STALE_SECONDS

TIMEOUT_SECONDS = 5
OLDEST_POSTGRESQL = 15_00_00
MIGRATE = (
    "Run `make migrate`, `docker compose run --rm migrate` or, on Kubernetes, `deploy/kubernetes/rollout.sh`."
    " Tables that were dropped are in the last backup."
)
ACCEPTED_CONNECTIONS = """
SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END)::int FROM pg_settings
WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""
MORE_CONNECTIONS = (
    "Lower DATABASE_POOL_SIZE or MAX_INSTANCES, raise max_connections, or use PgBouncer and run `flask prepare`"
    " (docs/operations.md, Connections)."
)
START_SERVICE = "Start it with `make run` or `docker compose up`."
START_PROCESS = "Start them (docs/operations.md, Processes): messages, schedules and events wait until then."


class CheckFailed(Exception):
    """The dependency responds, but cannot be used as it is."""


@dataclass(frozen=True)
class Check:
    """A dependency of the platform.

    Args:
        name: The name in the report.
        run: Returns the version or state of the dependency. Any exception means that the check failed.
        remedy: What to do if it failed.
        required: False if the platform works without the dependency: the check then only warns.
    """

    name: str
    run: Callable[[Settings], str]
    remedy: str
    required: bool = True


def all_checks(settings: Settings) -> Iterator[Check]:
    """The checks of the servers and keys, those of the services' `cli` modules, then one for each service."""
    yield from CHECKS
    if settings.kafka_url:
        yield Check(
            "Kafka",
            _kafka,
            "Install the extra `kafka`, start Kafka, and check KAFKA_URL and the other settings of Kafka.",
        )
    for service in SERVICES.values():
        yield from getattr(service.load("cli"), "doctor_checks", _no_checks)(settings)
    # Not required: `flask doctor` is also run before the platform is started.
    yield Check("background", _background, START_PROCESS, required=False)
    for name, service in (SERVICES | {REALTIME.name: REALTIME}).items():
        url = settings.peer_url.format(service=name, port=service.port_from(settings.base_port))
        yield Check(f"service {name}", _readiness(f"{url}/readyz"), START_SERVICE, required=False)


def _no_checks(_settings: Settings) -> Iterator[Check]:
    yield from ()


def _postgresql(settings: Settings) -> str:
    with psycopg2.connect(psycopg2_dsn(settings.database_url), connect_timeout=TIMEOUT_SECONDS) as connection:
        if connection.server_version < OLDEST_POSTGRESQL:
            oldest = OLDEST_POSTGRESQL // 10000
            raise CheckFailed(f"version {connection.server_version // 10000}; {oldest} or later is required")
        return connection.get_parameter_status("server_version") or ""


def _tables(settings: Settings) -> str:
    """The migration of the database. As for readiness, it must be the newest one of this version, or a later one."""
    dsn = psycopg2_dsn(settings.database_url)
    with psycopg2.connect(dsn, connect_timeout=TIMEOUT_SECONDS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        if cursor.fetchone() != (None,):
            cursor.execute(schema_version.SELECT_CURRENT)
        row = cursor.fetchone()
        state = schema_version.compare(row[0] if row else None)
        missing_tables = _missing_tables(cursor) if state.current == state.newest else []
    if state.current is None:
        raise CheckFailed(f"no migration has been applied; the newest is {state.newest}")
    if state.missing:
        plural = "migration is" if state.missing == 1 else "migrations are"
        raise CheckFailed(f"migration {state.current}; {state.missing} {plural} missing, up to {state.newest}")
    if missing_tables:
        raise CheckFailed(f"migration {state.current}, but these were dropped: {', '.join(missing_tables)}")
    return f"migration {state.current}" + ("" if state.current == state.newest else ", of a later version")


def _missing_tables(cursor: Any) -> list[str]:
    """Tables that a migration has created and that do not exist any more."""
    load_all_models()
    names = sorted(Base.metadata.tables)
    cursor.execute("SELECT name FROM unnest(%s) name WHERE to_regclass(quote_ident(name)) IS NULL", (names,))
    return [name for (name,) in cursor.fetchall()]


def _connections(settings: Settings) -> str:
    """The budget of connections: what the processes can open must be less than what the server accepts."""
    need = connection_budget.total(settings, WebProcess.from_env(environment()))
    dsn = psycopg2_dsn(settings.direct_database_url)
    with psycopg2.connect(dsn, connect_timeout=TIMEOUT_SECONDS) as connection, connection.cursor() as cursor:
        cursor.execute(ACCEPTED_CONNECTIONS)
        ((accepted,),) = cursor.fetchall()
    through_pooler = bool(settings.database_direct_url)
    opened = need.direct if through_pooler else need.pooled + need.direct
    text = f"{opened} of {accepted} can be opened by {settings.max_instances} instances of each process"
    if opened > accepted:
        raise CheckFailed(text)
    if not through_pooler:
        return text
    limits = role_settings.differences(
        psycopg2_dsn(settings.database_url), role_settings.session_parameters(settings.request_time_limit)
    )
    if limits:
        raise CheckFailed(f"through PgBouncer, sessions have other values of {', '.join(sorted(limits))}")
    return f"{text} directly, and {need.pooled} to PgBouncer"


def _machine_clients(settings: Settings) -> str:
    """The scopes of machine clients: those of an earlier version may be unknown, and core's needs several."""
    dsn = psycopg2_dsn(settings.database_url)
    with psycopg2.connect(dsn, connect_timeout=TIMEOUT_SECONDS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id::text, name, scopes FROM clients WHERE revoked_at IS NULL ORDER BY name, id")
        clients = cursor.fetchall()
    problems = [f"{name}: {unknown} grants nothing" for _, name, scopes in clients if (unknown := _unknown(scopes))]
    if settings.core_client_id:
        granted = {client_id: scopes for client_id, _, scopes in clients}.get(settings.core_client_id, [])
        missing = [scope for scope in core_scopes() if scope not in granted]
        problems += [f"the client in CORE_CLIENT_ID lacks {', '.join(missing)}"] if missing else []
    if problems:
        raise CheckFailed("; ".join(problems))
    return f"{len(clients)} clients"


def _unknown(scopes: list[str]) -> str:
    return ", ".join(sorted(set(scopes) - set(known_scopes(scopes))))


def _redis(url: str) -> str:
    with redis.Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS) as client:
        server = client.info("server")
    return f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])}"


def _cache(settings: Settings) -> str:
    return _redis(settings.redis_url)


def _broker(settings: Settings) -> str:
    url = settings.broker_url
    return _rabbitmq(url) if url.startswith("amqp") else _redis(url)


def _rabbitmq(url: str) -> str:
    import pika

    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = TIMEOUT_SECONDS
    parameters.connection_attempts = 1
    connection = pika.BlockingConnection(parameters)
    properties = connection._impl.server_properties  # pika 1.4 has no public access to the server's version
    connection.close()
    return f"RabbitMQ {properties.get('version', '')}"


def _kafka(settings: Settings) -> str:
    from confluent_kafka import KafkaException  # an extra of this distribution
    from confluent_kafka.admin import AdminClient

    errors: list[str] = []
    options: dict[str, Any] = {"error_cb": lambda error: errors.append(str(error))}
    client = AdminClient(settings.kafka_options | options)
    try:
        return f"{len(client.list_topics(timeout=TIMEOUT_SECONDS).brokers)} brokers"
    except KafkaException as error:
        client.poll(0)  # why there is no connection is reported by the callback
        raise CheckFailed("; ".join([str(error), *errors[:2]])) from None


def _time_zone_rules(_settings: Settings) -> str:
    if not timezones.uses_pinned_rules():
        raise CheckFailed("the rules of the operating system are used")
    return f"{timezones.RULES_VERSION}, package tzdata {version('tzdata')}, {len(timezones.timezone_names())} zones"


def _signing_keys(settings: Settings) -> str:
    if not settings.jwt_private_keys:
        return "none (only the auth service needs them)"
    kid, _ = PrivateKeys(settings.jwt_private_keys).current()
    try:
        PublicKeys(settings.jwt_public_keys).get(kid)
    except KeyError:
        raise CheckFailed(f"the current key {kid} is not among the public keys") from None
    return f"current key {kid}, published"


def _public_keys(settings: Settings) -> str:
    source = settings.jwt_public_keys
    if source.startswith("http"):
        text = requests.get(source, timeout=TIMEOUT_SECONDS).text
    else:
        text = source if source.lstrip().startswith("{") else Path(source).read_text()
    return f"{len(json.loads(text)['keys'])} public keys"


def _background(settings: Settings) -> str:
    """The heartbeats of the processes without a port: at least one process of each role must be alive."""
    dsn = psycopg2_dsn(settings.database_url)
    with psycopg2.connect(dsn, connect_timeout=TIMEOUT_SECONDS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT role, extract(epoch FROM now() - max(beat_at))::float FROM heartbeats GROUP BY role")
        ages: dict[str, float] = dict(cursor.fetchall())
    missing = [role for role in ROLES if ages.get(role, STALE_SECONDS + 1) > STALE_SECONDS]
    if missing:
        raise CheckFailed(f"no heartbeat within {STALE_SECONDS:.0f} s of: {', '.join(missing)}")
    return f"{', '.join(ROLES)} are alive"


def _readiness(url: str) -> Callable[[Settings], str]:
    def run(_settings: Settings) -> str:
        body = requests.get(url, timeout=TIMEOUT_SECONDS).json()
        if body["status"] == "down":
            raise CheckFailed(json.dumps(body["dependencies"]))
        return str(body["status"])

    return run


CHECKS = (
    Check("PostgreSQL", _postgresql, "Start PostgreSQL 15 or later, and check DATABASE_URL."),
    Check("tables", _tables, MIGRATE),
    Check("connections", _connections, MORE_CONNECTIONS, required=False),
    Check(
        "machine clients",
        _machine_clients,
        "Create a new client with existing scopes (`flask clients create --help` lists them).",
        required=False,
    ),
    Check("Redis", _cache, "Start Redis or Valkey, and check REDIS_URL."),
    Check("broker", _broker, "Start RabbitMQ (or Redis), and check BROKER_URL. Accepted work waits until then."),
    Check("time zone rules", _time_zone_rules, "Install the packages of this release again: `make run` does."),
    Check("signing keys", _signing_keys, "Check JWT_PRIVATE_KEYS and JWT_PUBLIC_KEYS: they must belong together."),
    Check("public keys", _public_keys, "Check JWT_PUBLIC_KEYS: it must be JSON, the path of a file, or a URL."),
)
