"""Liveness, readiness and what they depend on: each dependency with its latency."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
from flask import Blueprint, current_app
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.jwt.guards import public
from heidi_common.redis.client import redis_client
from heidi_common.runtime import current_settings

blueprint = Blueprint("health", __name__)
NEEDED = "postgresql"
PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}


@blueprint.get("/healthz")
@public
def healthz() -> dict[str, str]:
    """Alive: the process answers."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@public
def readyz() -> tuple[dict[str, Any], int]:
    """Can serve: 503 without PostgreSQL, `degraded` without Redis or the broker."""
    found = {name: _probe(check) for name, check in CHECKS.items()}
    down = [name for name, result in found.items() if result["status"] != "up"]
    status = "down" if NEEDED in down else "degraded" if down else "ready"
    body = {"status": status, "service": current_app.name, "dependencies": found}
    return body, 503 if status == "down" else 200


def _probe(check: Callable[[], None]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        check()
    except Exception as error:  # whatever it is, the dependency cannot be used
        return {"status": "down", "error": type(error).__name__}
    return {"status": "up", "latencyMs": round((time.perf_counter() - started) * 1000, 2)}


def check_postgresql() -> None:
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def check_redis() -> None:
    redis_client().ping()


def check_broker() -> None:
    """A web process does not speak to the broker; that it listens is all that is asked here."""
    url = urlsplit(current_settings().broker_url)
    if url.scheme in ("redis", "rediss", "unix"):
        with redis.Redis.from_url(
            current_settings().broker_url, socket_timeout=0.5, socket_connect_timeout=0.5
        ) as found:
            found.ping()
        return
    with socket.create_connection((url.hostname, url.port or PORTS[url.scheme]), timeout=0.5):
        pass


CHECKS: dict[str, Callable[[], None]] = {
    NEEDED: check_postgresql,
    "redis": check_redis,
    "broker": check_broker,
}
