"""What needs attention, collected from the services, and gone when it is fixed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.schemas.fields import iso
from heidi_services.integration.models import Integration
from heidi_services.notification.models import Notification
from heidi_services.scheduler.models import Schedule
from tests.conftest import SignedIn
from tests.integration.helpers import create_integration
from tests.notification.conftest import Post, post  # noqa: F401  # a fixture

PATH = "/api/v1/core/attention"
Problems = Callable[[], dict[tuple[str, str | None], dict[str, Any]]]


@pytest.fixture
def problems(client: FlaskClient, as_user: Callable[..., SignedIn]) -> Problems:
    admin = as_user(Role.ADMIN)

    def read() -> dict[tuple[str, str | None], dict[str, Any]]:
        response = client.get(PATH, headers=admin.headers)
        assert response.status_code == 200
        assert response.json["meta"]["unavailable"] == []
        items = response.json["data"]
        for item in items:
            assert client.get(item["link"], headers=admin.headers).status_code == 200, item
        return {(item["kind"], item["subject"]): item for item in items}

    return read


def changed(model: Any, row_id: object, **values: Any) -> None:
    with transaction():
        db.session.execute(update(model).where(model.id == row_id).values(**values))


def count_of(problems: Problems, kind: str, subject: str | None = None) -> int:
    return int(problems().get((kind, subject), {"count": 0})["count"])


def test_a_failed_message_counts_for_a_day(
    problems: Problems,
    as_user: Callable[..., SignedIn],
    post: Post,  # noqa: F811
) -> None:
    before, message = count_of(problems, "failedMessages"), post(as_user())
    changed(Notification, message, status="FAILED", failure_reason="refused")
    assert count_of(problems, "failedMessages") == before + 1
    changed(Notification, message, created_at=utcnow() - timedelta(days=2))
    assert count_of(problems, "failedMessages") == before


def test_dead_letters(problems: Problems) -> None:
    before = count_of(problems, "deadLetters")
    with transaction():
        db.session.add(Inbox(event_id=uuid7(), consumer="c", status="dead", created_at=utcnow()))
    assert count_of(problems, "deadLetters") == before + 1


def test_a_schedule_whose_last_run_failed(
    client: FlaskClient, problems: Problems, as_user: Callable[..., SignedIn]
) -> None:
    admin = as_user(Role.ADMIN)
    body = {"name": "Nightly", "cronExpression": "0 3 * * *", "action": "event.emit"}
    body |= {"payload": {"type": "custom.nightly", "data": {}}}
    created = client.post("/api/v1/schedules", json=body, headers=admin.headers)
    assert created.status_code == 201, created.json
    schedule = created.json["data"]["id"]
    before = count_of(problems, "failingSchedules")
    changed(Schedule, schedule, last_run_status="TIMED_OUT", last_run=utcnow())
    assert count_of(problems, "failingSchedules") == before + 1
    failing = client.get("/api/v1/schedules?isFailing=true&limit=100", headers=admin.headers).json["data"]
    assert schedule in [item["id"] for item in failing]
    changed(Schedule, schedule, last_run_status="SUCCEEDED")
    assert count_of(problems, "failingSchedules") == before
    working = client.get("/api/v1/schedules?isFailing=false&limit=100", headers=admin.headers).json["data"]
    assert schedule in [item["id"] for item in working]


def test_endpoints_that_fail_and_that_were_switched_off(
    client: FlaskClient, problems: Problems, as_user: Callable[..., SignedIn]
) -> None:
    integration = UUID(create_integration(client, as_user().headers)["id"])
    failing, disabled = (count_of(problems, kind) for kind in ("failingEndpoints", "disabledEndpoints"))
    since = utcnow() - timedelta(days=4)
    changed(Integration, integration, failing_since=since)
    assert count_of(problems, "failingEndpoints") == failing + 1
    assert problems()["failingEndpoints", None]["since"] <= iso(since)
    changed(Integration, integration, is_active=False, disabled_reason="The endpoint returned 410 Gone.")
    assert count_of(problems, "failingEndpoints") == failing
    assert count_of(problems, "disabledEndpoints") == disabled + 1


def test_work_that_waits_too_long(
    problems: Problems,
    as_user: Callable[..., SignedIn],
    post: Post,  # noqa: F811
) -> None:
    message = post(as_user())
    with transaction():
        db.session.execute(update(OutboxEvent).values(sent_at=utcnow()))
    assert ("waitingWork", "notifications") not in problems()
    due = utcnow() - timedelta(minutes=6)
    changed(Notification, message, next_attempt_at=due)
    item = problems()["waitingWork", "notifications"]
    assert item["count"] >= 1
    assert item["since"][:16] == due.isoformat()[:16]


@pytest.mark.parametrize("path", [PATH, "/api/v1/notifications/attention", "/api/v1/schedules/attention"])
@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
def test_only_administrators_see_problems(
    client: FlaskClient, as_user: Callable[..., SignedIn], role: Role, path: str
) -> None:
    assert client.get(path, headers=as_user(role).headers).status_code == 403
