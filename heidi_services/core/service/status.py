"""Up or down: each service and each dependency, as the services themselves say."""

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

FRESH_SECONDS = 1.0
_TIME_LIMIT = 2.0
Found = dict[str, Any]


class Memo:
    """The last answer for a second, in this process: anybody may ask, and each question costs seven calls."""

    def __init__(self, look: Callable[[], Found], fresh: float = FRESH_SECONDS) -> None:
        self._look, self._fresh = look, fresh
        self._lock = threading.Lock()
        self._found: Found | None = None
        self._until = 0.0

    def get(self) -> Found:
        with self._lock:
            if self._found is None or time.monotonic() >= self._until:
                self._found = self._look()
                self._until = time.monotonic() + self._fresh
            return self._found


def latest() -> Found:
    """What this app saw last, at most a second ago. (An app has its own: two in a process may see different worlds.)"""
    memo: Memo = current_app.extensions.setdefault("core_status", Memo(look))
    return memo.get()


def look() -> Found:
    """Ask every service for its readiness; core answers for itself."""
    calls = {name: PeerRequest(name, "/readyz") for name in SERVICES if name != "core"}
    replies = call_peers(calls, timeout=_TIME_LIMIT)
    own, _code = health.readyz()
    services = [_service("core", own, None, None)] if "core" in SERVICES else []
    services += [_service(name, reply.body, reply.error, reply.latency_ms) for name, reply in replies.items()]
    services.sort(key=lambda found: list(SERVICES).index(found["name"]))
    return summarise(services)


def summarise(services: list[Found]) -> Found:
    """One word for the whole, one for each dependency over all services that answered."""
    dependencies = [_dependency(name, services) for name in health.CHECKS]
    words = {found["status"] for found in services + dependencies}
    down = all(found["status"] == "down" for found in services)
    status = "down" if down else "up" if words == {"up"} else "degraded"
    return {"status": status, "services": services, "dependencies": dependencies}


def for_public(found: Found) -> Found:
    """Names and words; latencies and errors are for administrators."""
    parts = {
        key: [{"name": part["name"], "status": part["status"]} for part in found[key]]
        for key in ("services", "dependencies")
    }
    return {"status": found["status"], **parts}


def _service(name: str, body: Any, error: str | None, latency: float | None) -> Found:
    known = isinstance(body, dict) and body.get("status") in ("ready", "degraded", "down")
    word = {"ready": "up"}.get(body["status"], body["status"]) if known else "down"
    details = body.get("dependencies", {}) if known else {}
    return {"name": name, "status": word, "latency_ms": latency, "error": error, "dependencies": details}


def _dependency(name: str, services: list[Found]) -> Found:
    seen = {found["name"]: found["dependencies"][name] for found in services if name in found["dependencies"]}
    up = [service for service, state in seen.items() if state.get("status") == "up"]
    word = "up" if seen and len(up) == len(seen) else "degraded" if up else "down"
    return {"name": name, "status": word, "seen_by": seen}
