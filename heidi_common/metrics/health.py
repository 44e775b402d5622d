"""Probes: liveness at `/healthz`, readiness with the state and latency of each dependency at `/readyz`."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import redis
from flask import Blueprint, current_app
from sqlalchemy import Connection, text

from heidi_common.database import schema_version
from heidi_common.database.transactions import reading
from heidi_common.jwt.guards import public
from heidi_common.metrics import worker_load
from heidi_common.redis.client import redis_client
from heidi_common.runtime import current_settings
from heidi_common.server import shutdown

blueprint = Blueprint("health", __name__)
POSTGRESQL = "postgresql"
REQUIRED = frozenset({POSTGRESQL, "schema"})
TIMEOUT = 0.5
"""Seconds to wait for the broker."""
PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}


@blueprint.get("/healthz")
@public
def healthz() -> dict[str, str]:
    """Liveness: the process can respond. It uses no dependency."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@public
def readyz() -> tuple[dict[str, Any], int]:
    """Readiness: `ready`; `degraded` (200) without Redis or the broker.

    `down` (503) without PostgreSQL, while its schema lacks migrations, and while the process is stopping.
    """
    if shutdown.announced.is_set():
        return {"status": "down", "service": current_app.name, "dependencies": {}, "isStopping": True}, 503
    results, workers = _probe_database()
    results |= {name: _probe(check) for name, check in CHECKS.items()}
    down = {name for name, result in results.items() if result["status"] != "up"}
    status = "down" if REQUIRED & down else "degraded" if down else "ready"
    body = {"status": status, "service": current_app.name, "dependencies": results, "workers": workers}
    return body, 503 if status == "down" else 200


def workers() -> dict[str, Any] | None:
    """The state of the workers: a service is ready without them. None if it is not known."""
    return _probe_database()[1]


def _probe_database() -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Probe PostgreSQL and its schema, and read the state of the workers, with one connection."""
    started = time.perf_counter()
    try:
        with reading() as connection:
            connection.execute(text("SELECT 1"))
            up = _up(started)
            schema = _probe(partial(check_schema, connection))
            return {POSTGRESQL: up, "schema": schema}, _read_workers(connection)
    except Exception as error:  # as in `_probe`
        return dict.fromkeys((POSTGRESQL, "schema"), _down(error)), None


def _read_workers(connection: Connection) -> dict[str, Any] | None:
    try:
        return worker_load.summarize(worker_load.read_loads(connection))
    except Exception:  # the schema may lack migrations
        return None


def _probe(check: Callable[[], None]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        check()
    except Exception as error:  # every error means that the dependency cannot be used
        return _down(error)
    return _up(started)


def _up(started: float) -> dict[str, Any]:
    return {"status": "up", "latencyMs": round((time.perf_counter() - started) * 1000, 2)}


def _down(error: Exception) -> dict[str, Any]:
    return {"status": "down", "error": type(error).__name__}


class SchemaBehind(Exception):
    """Migrations have to be applied before this version can serve."""


def check_schema(connection: Connection) -> None:
    """Compare the schema with the newest migration.

    Raises:
        SchemaBehind: It lacks migrations. A schema of a later version is accepted, so that a rollout can migrate first.
    """
    current = connection.execute(text(schema_version.SELECT_CURRENT)).scalar()
    if schema_version.compare(current).missing:
        raise SchemaBehind


def check_redis() -> None:
    """Ping Redis. Any exception means that it is unavailable."""
    redis_client().ping()


def check_broker() -> None:
    """Ping Redis as broker, or connect to the port of RabbitMQ: a web process does not use RabbitMQ itself.

    Any exception means that the broker is unavailable.
    """
    broker_url = current_settings().broker_url
    url = urlsplit(broker_url)
    if url.scheme in ("redis", "rediss", "unix"):
        with redis.Redis.from_url(broker_url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT) as client:
            client.ping()
        return
    with socket.create_connection((url.hostname, url.port or PORTS[url.scheme]), timeout=TIMEOUT):
        pass


CHECKS: dict[str, Callable[[], None]] = {"redis": check_redis, "broker": check_broker}
DEPENDENCIES = (POSTGRESQL, *CHECKS)
"""The servers that `dependencies` contains, beside the schema."""
