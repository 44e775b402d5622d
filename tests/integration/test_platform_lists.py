"""Deliveries and received events of several integrations, and the summary of failures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.schemas.fields import iso
from heidi_services.integration.models import Delivery
from tests.explained import explained
from tests.integration.helpers import API, create_integration, forward, stripe_event, stripe_headers, user_updated

HOOK = "https://example.com/hook"
FILL = """
INSERT INTO deliveries (id, integration_id, event_id, event_type, body, status, updated_at)
SELECT gen_random_uuid(), CAST(:integration AS uuid), gen_random_uuid(), 'user.updated', '{}',
       CASE WHEN n % 100 = 0 THEN 'FAILED' ELSE 'DELIVERED' END, now() - n * interval '1 second'
FROM generate_series(1, 20000) n
"""


def owned(client: FlaskClient, person: Any, count: int = 1) -> list[str]:
    """The IDs of new integrations that forward all events about their owner."""
    config = {"eventTypes": ["*"]}
    create = lambda: create_integration(client, person.headers, webhookUrl=HOOK, config=config)  # noqa: E731
    return [create()["id"] for _ in range(count)]


def listed(client: FlaskClient, headers: dict[str, str], path: str, **query: Any) -> list[str]:
    response = client.get(f"{API}{path}", query_string=query, headers=headers)
    assert response.status_code == 200, response.json
    return [item["id"] for item in response.json["data"]]


def deliver_to(person: Any) -> list[str]:
    return [str(each) for each in forward(user_updated(person.user.id))]


def fail(delivery_id: str, **values: Any) -> None:
    with transaction():
        changes = {"status": "FAILED", "updated_at": utcnow(), "last_error": "refused"} | values
        db.session.execute(update(Delivery).where(Delivery.id == UUID(delivery_id)).values(**changes))


def test_a_user_sees_own_deliveries_and_an_admin_all(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    one, other, stranger, admin = as_user(), as_user(), as_user(), as_user(Role.ADMIN)
    integrations = owned(client, one, 2)
    owned(client, other)
    own, foreign = deliver_to(one) + deliver_to(one), deliver_to(other)
    assert sorted(listed(client, one.headers, "/deliveries")) == sorted(own)
    assert listed(client, stranger.headers, "/deliveries") == []
    assert set(listed(client, admin.headers, "/deliveries", limit=5)) == {*own, *foreign}
    assert len(listed(client, one.headers, "/deliveries", integrationId=integrations[0])) == 2
    response = client.get(f"{API}/deliveries?integrationId={integrations[0]}", headers=other.headers)
    assert response.status_code == 404


@pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
def test_pages_and_filters(client: FlaskClient, as_user: Callable[..., Any], role: Role) -> None:
    person = as_user()
    reader = person if role is Role.USER else as_user(role)
    owned(client, person, 2)
    own = [each for _ in range(3) for each in deliver_to(person)]
    seen, cursor = [], None
    while len(seen) < len(own):
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        response = client.get(f"{API}/deliveries", query_string=query, headers=reader.headers).json
        seen += [item["id"] for item in response["data"]]
        cursor = response["meta"]["nextCursor"]
    assert sorted(seen[: len(own)]) == sorted(own)
    fail(own[0])
    assert own[0] in listed(client, reader.headers, "/deliveries", status="FAILED")
    assert own[0] not in listed(client, reader.headers, "/deliveries", status="PENDING")
    assert listed(client, reader.headers, "/deliveries", eventType="no.such") == []
    assert listed(client, reader.headers, "/deliveries", since=iso(utcnow() + timedelta(minutes=1))) == []


def test_received_events_of_all_integrations(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    person, other, admin = as_user(), as_user(), as_user(Role.ADMIN)
    for number, owner in enumerate((person, other), start=1):
        fields = {"provider": "STRIPE", "credentials": {"webhookSecret": "whsec_test_secret"}}
        integration = create_integration(client, owner.headers, **fields)
        body = stripe_event(number)
        hook = client.post(f"/api/v1/webhooks/stripe/{integration['id']}", data=body, headers=stripe_headers(body))
        assert hook.status_code == 200
    [own] = listed(client, person.headers, "/events")
    assert own in listed(client, admin.headers, "/events", limit=2, type="invoice.paid")
    assert listed(client, person.headers, "/events", type="invoice.void") == []


def test_failures_are_summarized_by_integration(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    person, other, admin = as_user(), as_user(), as_user(Role.ADMIN)
    often, rarely = owned(client, person, 2)
    for number in range(3):
        for delivery in deliver_to(person):
            is_often = str(db.session.get_one(Delivery, UUID(delivery)).integration_id) == often
            if is_often or number == 0:
                fail(delivery, last_error=f"error {number}", response_status=500 + number)
    rows = client.get(f"{API}/deliveries/failures", headers=person.headers).json["data"]
    assert [(row["integrationId"], row["failed"]) for row in rows] == [(often, 3), (rarely, 1)]
    assert (rows[0]["lastError"], rows[0]["responseStatus"]) == ("error 2", 502)
    assert client.get(f"{API}/deliveries/failures", headers=other.headers).json["data"] == []
    assert {often, rarely} <= {
        row["integrationId"]
        for row in client.get(f"{API}/deliveries/failures?limit=100", headers=admin.headers).json["data"]
    }
    later = iso(utcnow() + timedelta(minutes=1))
    assert (
        client.get(f"{API}/deliveries/failures", query_string={"since": later}, headers=person.headers).json["data"]
        == []
    )
    cut = client.get(f"{API}/deliveries/failures?limit=1", headers=person.headers).json
    assert len(cut["data"]) == 1 and cut["meta"]["hasMore"]


@pytest.mark.parametrize("query", ["", "?status=FAILED", "?status=PENDING"])
@pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
def test_lists_are_read_in_the_order_of_an_index(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any], role: Role, query: str
) -> None:
    person = as_user()
    reader = person if role is Role.USER else as_user(role)
    for integration in owned(client, person, 2):
        db.session.execute(text(FILL), {"integration": integration})
    db.session.commit()
    db.session.execute(text("ANALYZE deliveries"))
    db.session.commit()
    plans = explained(lambda: client.get(f"{API}/deliveries{query}", headers=reader.headers), "deliveries")
    assert plans
    for plan in plans:
        assert "Index" in plan and "Seq Scan" not in plan, plan
