from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from uuid_utils.compat import uuid7

from heidi_common.database import totals
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import NotificationFailed, NotificationSent
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.peers.models import PeerResponse
from heidi_services.core.service import overview
from tests.conftest import SignedIn
from tests.core.operation_helpers import NO_RESPONSE, UNAVAILABLE, PeerCalls

PATH = "/api/v1/core/overview"
CITY = {"name": "Here", "country": "DE", "latitude": 1, "longitude": 1, "timezone": "Europe/Berlin"}
SCHEDULE = {
    "name": "daily",
    "cronExpression": "0 9 * * *",
    "timezone": "UTC",
    "action": "event.emit",
    "payload": {"type": "custom.x"},
}
SERVICE_OF = {"users": "users", "cities": "city", "schedules": "scheduler", "integrations": "integration"}


@pytest.fixture
def admin(as_user: Callable[..., SignedIn]) -> SignedIn:
    return as_user(Role.ADMIN)


def create(client: FlaskClient, admin: SignedIn, path: str, **body: Any) -> None:
    response = client.post(f"/api/v1/{path}", json=body, headers=admin.headers)
    assert response.status_code == 201, response.get_json()


def test_counts_come_from_the_services(client: FlaskClient, admin: SignedIn, as_user: Callable[..., SignedIn]) -> None:
    as_user(is_active=False)
    as_user()
    create(client, admin, "cities", **CITY)
    for is_enabled in (True, True, False):
        create(client, admin, "schedules", **SCHEDULE | {"isEnabled": is_enabled})
    hook = {"provider": "WEBHOOK", "name": "hook", "webhookUrl": "http://127.0.0.1:9/"}
    create(client, admin, "integrations", **hook)
    answer = client.get(PATH, headers=admin.headers).get_json()
    assert answer["meta"] == {"unavailable": []}
    assert {name: answer["data"][name] for name in overview.COUNTS} == {
        "users": {"total": 3, "active": 2},
        "cities": {"active": 1, "inactive": 0},
        "schedules": {"total": 3, "enabled": 2},
        "integrations": {"total": 1, "active": 1},
    }


def test_rates_come_from_the_events(client: FlaskClient, admin: SignedIn) -> None:
    with transaction():
        db.session.query(OutboxEvent).delete()
        for event in (NotificationSent, NotificationSent, NotificationSent, NotificationFailed):
            emit(event(id=uuid7(), about_user=admin.user.id, channel="EMAIL"))
        db.session.add(Inbox(event_id=uuid7(), consumer="c", status="dead", created_at=utcnow()))
    data = client.get(PATH, headers=admin.headers).get_json()["data"]
    assert data["notifications"] == {"queuedLastDay": 0, "sentLastDay": 3, "failedLastDay": 1, "sentShare": 0.75}
    assert data["events"]["lastHour"] == data["events"]["waiting"] == 4
    assert data["events"]["lastHourByType"] == {"notification.sent": 3, "notification.failed": 1}
    assert data["events"]["dead"] == 1


def test_counts_that_are_estimates_are_named(
    client: FlaskClient, admin: SignedIn, as_user: Callable[..., SignedIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "EXACT_UP_TO", 1)
    as_user()
    responses = [client.get(PATH, headers=admin.headers) for _ in range(2)]
    assert [response.headers["X-Cache"] for response in responses] == ["MISS", "HIT"]
    for response in responses:
        assert response.get_json()["meta"] == {"unavailable": [], "estimates": ["users.active", "users.total"]}


def test_it_is_cached_for_some_seconds_and_invalidated_when_users_change(
    client: FlaskClient, peers: PeerCalls, admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "CACHE_SECONDS", 600)
    first = client.get(PATH, headers=admin.headers)
    calls = len(peers.recorded)
    second = client.get(PATH, headers=admin.headers)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.get_json() == second.get_json()
    assert len(peers.recorded) == calls == 8
    overview.invalidate()
    assert client.get(PATH, headers=admin.headers).headers["X-Cache"] == "MISS"


@pytest.mark.parametrize("section", overview.COUNTS)
@pytest.mark.parametrize("fault", [UNAVAILABLE, NO_RESPONSE], ids=["503", "no response"])
def test_a_service_that_is_down_costs_its_section_and_is_named_and_nothing_is_cached(
    client: FlaskClient, peers: PeerCalls, admin: SignedIn, section: str, fault: PeerResponse
) -> None:
    peers.fail(SERVICE_OF[section], [fault] * 3)  # one of the two counts, the second time
    for _ in range(2):
        response = client.get(PATH, headers=admin.headers)
        data = response.get_json()["data"]
        assert [name for name in overview.COUNTS if data[name] is None] == [section]
        assert response.get_json()["meta"] == {"unavailable": [SERVICE_OF[section]]}
        assert response.headers["X-Cache"] == "MISS"
    response = client.get(PATH, headers=admin.headers)
    assert response.get_json()["meta"] == {"unavailable": []}


def test_peers_are_called_with_the_callers_token(client: FlaskClient, peers: PeerCalls, admin: SignedIn) -> None:
    client.get(PATH, headers=admin.headers | {"X-Request-ID": "request-4711"})
    sent = [call.headers for call in peers.recorded]
    assert {headers["Authorization"] for headers in sent} == {admin.headers["Authorization"]}
    assert {headers["X-Request-ID"] for headers in sent} == {"request-4711"}
    assert {headers["X-Forwarded-For"] for headers in sent} == {"127.0.0.1"}


def test_only_administrators_see_it(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    assert client.get(PATH, headers=as_user(Role.MODERATOR).headers).status_code == 403
    assert client.get(PATH).status_code == 401
