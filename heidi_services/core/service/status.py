"""The status of each service and each dependency, as the services themselves report it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from flask import current_app

from heidi_common.metrics import health
from heidi_common.peers.client import call_peers
from heidi_common.peers.models import PeerRequest
from heidi_services import SERVICES

CACHE_SECONDS = 1.0
_TIME_LIMIT_SECONDS = 2.0
JSON = dict[str, Any]


class StatusCache:
    """The latest status, in the memory of this process: the route is public, and each check calls every service."""

    def __init__(self, check: Callable[[], JSON], max_age: float = CACHE_SECONDS) -> None:
        self._check, self._max_age = check, max_age
        self._lock = threading.Lock()
        self._status: JSON | None = None
        self._expires_at = 0.0

    def get(self) -> JSON:
        """Return the status, at most `max_age` seconds old. Concurrent calls share one check."""
        with self._lock:
            if self._status is None or time.monotonic() >= self._expires_at:
                self._status = self._check()
                self._expires_at = time.monotonic() + self._max_age
            return self._status


def latest() -> JSON:
    """Return the status, at most a second old. Each app has its own cache, since their peers may differ."""
    cache: StatusCache = current_app.extensions.setdefault("core_status", StatusCache(check_services))
    return cache.get()


def check_services(own: str | None = "core") -> JSON:
    """Query the readiness of every service.

    Args:
        own: The service of this process, whose readiness is read in it; None if it is not a service.
    """
    calls = {name: PeerRequest(name, "/readyz") for name in SERVICES if name != own}
    responses = call_peers(calls, timeout=_TIME_LIMIT_SECONDS)
    own_state = health.readyz()[0] if own is not None else None
    services = [_service(own, own_state, None, None)] if own is not None else []
    services += [_service(name, reply.body, reply.error, reply.latency_ms) for name, reply in responses.items()]
    services.sort(key=lambda service: list(SERVICES).index(service["name"]))
    return summarize(services, own_state.get("workers") if own_state is not None else health.workers())


def summarize(services: list[JSON], workers: JSON | None = None) -> JSON:
    """Derive the status of each dependency, over all services that responded, and of the platform as a whole."""
    dependencies = [_dependency(name, services) for name in health.DEPENDENCIES]
    states = {component["status"] for component in [*services, *dependencies, *([workers] if workers else [])]}
    all_down = all(service["status"] == "down" for service in services)
    status = "down" if all_down else "up" if states == {"up"} else "degraded"
    return {"status": status, "services": services, "dependencies": dependencies, "workers": workers}


def for_public(status: JSON) -> JSON:
    """Reduce a status to names and states; latencies and errors are for administrators."""
    components = {
        key: [{"name": component["name"], "status": component["status"]} for component in status[key]]
        for key in ("services", "dependencies")
    }
    workers = {"status": status["workers"]["status"]} if status["workers"] else None
    return {"status": status["status"], **components, "workers": workers}


def _service(name: str, body: Any, error: str | None, latency: float | None) -> JSON:
    is_known = isinstance(body, dict) and body.get("status") in ("ready", "degraded", "down")
    status = {"ready": "up"}.get(body["status"], body["status"]) if is_known else "down"
    dependencies = body.get("dependencies", {}) if is_known else {}
    return {"name": name, "status": status, "latency_ms": latency, "error": error, "dependencies": dependencies}


def _dependency(name: str, services: list[JSON]) -> JSON:
    seen_by = {
        service["name"]: service["dependencies"][name] for service in services if name in service["dependencies"]
    }
    up = [service for service, state in seen_by.items() if state.get("status") == "up"]
    status = "up" if seen_by and len(up) == len(seen_by) else "degraded" if up else "down"
    return {"name": name, "status": status, "seen_by": seen_by}
