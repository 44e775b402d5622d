"""Probes of the console: `/healthz` and `/readyz`. They are not routed to the outside."""

from __future__ import annotations

import redis
from flask import Blueprint

from heidi_common.redis.client import redis_client
from heidi_common.server import shutdown
from heidi_console.access import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> dict[str, str]:
    """Liveness: the process can respond."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@public
def readyz() -> tuple[dict[str, str], int]:
    """Readiness, which ends when the process is stopping.

    Without Redis the console shows only an error page; it must remain reachable for that.
    """
    if shutdown.announced.is_set():
        return {"status": "down", "service": "console"}, 503
    try:
        redis_client().ping()
    except redis.RedisError:
        return {"status": "degraded", "service": "console"}, 200
    return {"status": "ready", "service": "console"}, 200
