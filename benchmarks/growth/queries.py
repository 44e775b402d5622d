"""The queries of interest, each called as the platform calls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient

from benchmarks.growth.tables import HEAVY_INTEGRATION, HEAVY_SCHEDULE, HEAVY_USER
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session, User
from heidi_common.jwt import tokens
from heidi_common.metrics.platform_collector import PlatformCollector
from heidi_services.core.service import overview
from workers.periodic_tasks import PERIODIC_TASKS
from workers.relay import relay_batch

Call = Callable[[], object]
_ADMIN = UUID(int=4)

LISTS = (
    "users",
    "users?total=true",
    "users?sort=email",
    "users?role=MODERATOR",
    "users?role=MODERATOR&total=true",
    "users?isActive=false&total=true",
    "users?isActive=true&total=true",
    "users?includeDeleted=true&total=true",
    "users?q=novak&total=true",
    "users?q=user12345",
    "users?q=nothing%20like%20it&total=true",
    "users?role=ADMIN&isActive=false",
    "users?createdFrom=2100-01-01T00:00:00Z",
    "notifications",
    "notifications?total=true",
    "notifications?unread=true",
    "notifications?unread=true&total=true",
    "notifications/unread-count",
    "notifications?channel=IN_APP",
    "notifications?status=PENDING",
    "notifications?category=security",
    "notifications?status=FAILED&channel=SMS",
    "notifications?type=ALERT",
    "core/events",
    "core/events?total=true",
    "core/events?type=user.updated",
    "core/events?type=user.*",
    "core/events?type=integration.*",
    "core/events?type=user.updated&total=true",
    "core/events?subject=nothing",
    "core/events?since=2100-01-01T00:00:00Z",
    "core/events/dead?total=true",
    "core/operations?total=true",
    "core/operations?status=FAILED",
    "core/overview",
    "auth/audit",
    "auth/audit?total=true",
    "auth/audit?outcome=failure",
    "auth/audit?action=user_erased&total=true",
    "auth/audit?action=authn_login_success&outcome=failure",
    "auth/audit?to=2000-01-01T00:00:00Z",
    "auth/sessions",
    "schedules?total=true",
    "schedules?isEnabled=true&total=true",
    "schedules?action=core.operation",
    f"schedules/{HEAVY_SCHEDULE}/runs?total=true",
    f"schedules/{HEAVY_SCHEDULE}/runs?status=FAILED",
    f"schedules/{HEAVY_SCHEDULE}/runs?status=MISSED",
    f"schedules/{HEAVY_SCHEDULE}/runs?trigger=MANUAL",
    "integrations?total=true",
    "integrations?provider=SLACK",
    f"integrations/{HEAVY_INTEGRATION}/deliveries?total=true",
    f"integrations/{HEAVY_INTEGRATION}/deliveries?status=FAILED",
    f"integrations/{HEAVY_INTEGRATION}/events?type=nothing",
    f"integrations/{HEAVY_INTEGRATION}/logs?status=FAILED",
)


def queries(app: Flask) -> dict[str, Call]:
    """Return the calls on the database of an app, by name. They need its app context."""
    client, headers = app.test_client(), _sign_in(_ADMIN, Role.ADMIN)
    heavy = _sign_in(HEAVY_USER, Role.USER)
    calls: dict[str, Call] = {"/metrics": lambda: list(PlatformCollector()._database())}
    for path in LISTS:
        calls[f"GET {_short(path)}"] = _get(client, path, heavy if path.startswith("notifications") else headers)
    calls["GET notifications?userId=...&status=FAILED"] = _get(
        client, f"notifications?userId={HEAVY_USER}&status=FAILED", headers
    )
    for task in PERIODIC_TASKS:
        calls[f"clock: {task.name}"] = task.poll
    calls["relay, nothing to do"] = lambda: relay_batch(_NoBroker(), lambda _events: None)  # type: ignore[arg-type]
    return calls


class _NoBroker:
    def enqueue(self, _message: object) -> None:
        """Discard the message."""


def _get(client: FlaskClient, path: str, headers: dict[str, str]) -> Call:
    def call() -> None:
        if path == "core/overview":
            overview.invalidate()
        response = client.get(f"/api/v1/{path}", headers=headers)
        assert response.status_code == 200, response.get_data(as_text=True)

    return call


def _short(path: str) -> str:
    for heavy in (HEAVY_SCHEDULE, HEAVY_INTEGRATION):
        path = path.replace(str(heavy), "{id}")
    return path


def _sign_in(user_id: UUID, role: Role) -> dict[str, str]:
    now = datetime.now(UTC)
    later = now + timedelta(days=7)
    session_id = UUID(int=user_id.int + 100)
    times = {"rotated_at": now, "created_at": now, "idle_expires_at": later, "absolute_expires_at": later}
    with transaction():
        if db.session.get(User, user_id) is None:
            db.session.add(User(id=user_id, email=f"{user_id}@example.test", role=role))
            db.session.flush()
        if db.session.get(Session, session_id) is None:
            db.session.add(Session(id=session_id, user_id=user_id, **times))
    claims = {"sid": str(session_id), "ver": 1, "role": role.value, "scope": ""}
    return {"Authorization": f"Bearer {tokens.sign(str(user_id), 'access', claims)}"}
