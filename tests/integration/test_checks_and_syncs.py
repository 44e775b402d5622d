"""Calls to the providers' APIs: connection checks, and synchronizations that pull missed events."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select, update
from standardwebhooks import Webhook

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import IntegrationSync
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Integration, Sync, WebhookEvent
from heidi_services.integration.providers import sendgrid, slack, stripe, twilio
from heidi_services.integration.service import retention, sync
from heidi_services.integration.service.receiving import event_pull
from tests.integration.helpers import API, create_integration, publish, some_id
from workers.periodic_tasks import PERIODIC_TASKS

SECRET = "sk_test_abcdefgh"
BASIC = "Basic " + base64.b64encode(b"AC1:tok").decode()
BEARER = f"Bearer {SECRET}"


@pytest.fixture
def provider_apis(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """The providers' APIs, served by the test's server."""
    for module in (sendgrid, slack, stripe, twilio):
        monkeypatch.setattr(module, "API", httpserver.url_for("").rstrip("/"))
    return httpserver


def check(client: FlaskClient, owner: Any, **fields: Any) -> dict[str, Any]:
    created = create_integration(client, owner.headers, **fields)
    response = client.post(f"{API}/{created['id']}/test", headers=owner.headers)
    assert response.status_code == 200, response.json
    return dict(response.json["data"])


@pytest.mark.parametrize(
    ("provider", "credentials", "method", "path", "authorization", "body"),
    [
        ("STRIPE", {"apiKey": SECRET}, "GET", "/v1/account", BEARER, {}),
        ("SENDGRID", {"apiKey": SECRET}, "GET", "/v3/scopes", BEARER, {}),
        ("TWILIO", {"accountSid": "AC1", "authToken": "tok"}, "GET", "/2010-04-01/Accounts/AC1.json", BASIC, {}),
        ("SLACK", {"botToken": SECRET}, "POST", "/auth.test", BEARER, {"ok": True}),
    ],
)
def test_the_connection_check_calls_the_providers_api(
    client: FlaskClient,
    as_user: Callable[..., Any],
    provider_apis: HTTPServer,
    provider: str,
    credentials: dict[str, str],
    method: str,
    path: str,
    authorization: str,
    body: dict[str, Any],
) -> None:
    provider_apis.expect_request(path, method=method, headers={"Authorization": authorization}).respond_with_json(body)
    result = check(client, as_user(), provider=provider, credentials=credentials)
    assert (result["ok"], result["status"]) == (True, 200)
    assert result.keys() == {"ok", "status", "durationMs", "detail"}


def test_a_wrong_key_is_reported_and_logged_without_the_key(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer
) -> None:
    me = as_user()
    provider_apis.expect_request("/v1/account").respond_with_data(f"Invalid API Key: {SECRET}", status=401)
    result = check(client, me, provider="STRIPE", credentials={"apiKey": SECRET})
    assert (result["ok"], result["status"]) == (False, 401)
    path = client.get(API, headers=me.headers).json["data"][0]["id"]
    logs = client.get(f"{API}/{path}/logs?action=test", headers=me.headers)
    assert logs.json["data"][0]["response"] == {"body": "Invalid API Key: [redacted]"}
    assert SECRET not in logs.text


@pytest.mark.parametrize("body", ['{"ok": false, "error": "invalid_auth"}', "no json", "[]"])
def test_a_200_of_slack_for_a_wrong_token_is_a_failure(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer, body: str
) -> None:
    provider_apis.expect_request("/auth.test").respond_with_data(body)
    result = check(client, as_user(), provider="SLACK", credentials={"botToken": SECRET})
    assert (result["ok"], result["status"]) == (False, 200)


def test_an_account_id_cannot_change_the_path(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer
) -> None:
    check(client, as_user(), provider="TWILIO", credentials={"accountSid": "../../x?y#", "authToken": "t"})
    assert provider_apis.log[0][0].environ["REQUEST_URI"] == "/2010-04-01/Accounts/..%2F..%2Fx%3Fy%23.json"


def test_without_an_api_key_the_endpoint_receives_a_signed_webhook(
    client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    me = as_user()
    httpserver.expect_request("/hook").respond_with_data("", status=202)
    created = create_integration(client, me.headers, webhookUrl=httpserver.url_for("/hook"))
    response = client.post(f"{API}/{created['id']}/test", headers=me.headers).json["data"]
    assert (response["ok"], response["status"]) == (True, 202)
    request = httpserver.log[0][0]
    message = Webhook(created["signingSecret"]).verify(request.data, dict(request.headers))
    assert (message["type"], message["data"]) == ("integration.test", {"integrationId": created["id"]})


def test_the_connection_check_reports_that_there_is_nothing_to_call(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    result = check(client, as_user(), provider="STRIPE")
    assert (result["ok"], result["status"]) == (False, None)
    assert "nothing to call" in result["detail"]


def test_a_blocked_address_is_a_result_of_the_check_not_an_error(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    created = create_integration(client, me.headers, webhookUrl="https://placeholder.example/")
    with transaction():
        db.session.execute(update(Integration).values(webhook_url="http://192.168.0.1/"))
    response = client.post(f"{API}/{created['id']}/test", headers=me.headers)
    assert (response.status_code, response.json["data"]["ok"]) == (200, False)
    assert "BlockedURLError" in response.json["data"]["detail"]


def create_sync(created: dict[str, Any]) -> UUID:
    with transaction():
        sync_id = sync.create_sync(publish(IntegrationSync(id=UUID(created["id"]))))
    assert sync_id is not None
    return sync_id


def run(created: dict[str, Any]) -> Sync:
    """Create the row for a requested synchronization and run it, as the workers do."""
    sync_id = create_sync(created)
    sync.run_sync(sync_id)
    db.session.expire_all()
    return db.session.get_one(Sync, sync_id)


def test_requesting_a_sync_emits_an_event(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    created = create_integration(client, me.headers, provider="STRIPE")
    response = client.post(f"{API}/{created['id']}/sync", headers=me.headers | {"Idempotency-Key": "1"})
    assert (response.status_code, response.json["data"]["id"]) == (202, created["id"])
    assert client.post(f"{API}/{created['id']}/sync", headers=me.headers | {"Idempotency-Key": "1"}).status_code == 202
    [event] = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "integration.sync"))
    assert (event.subject, event.user_id) == (created["id"], me.user.id)
    client.patch(f"{API}/{created['id']}", json={"isActive": False}, headers=me.headers)
    assert client.post(f"{API}/{created['id']}/sync", headers=me.headers).status_code == 409


def test_a_sync_pulls_missed_events_from_stripe_page_by_page(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer
) -> None:
    me = as_user()
    created = create_integration(client, me.headers, provider="STRIPE", credentials={"apiKey": SECRET})
    pages = [
        {"data": [{"id": "evt_3", "type": "b"}, {"id": "evt_2", "type": "a"}], "has_more": True},
        {"data": [{"id": "evt_1", "type": "a"}], "has_more": False},
    ]
    for page in pages:
        provider_apis.expect_oneshot_request("/v1/events", headers={"Authorization": BEARER}).respond_with_json(page)
    row = run(created)
    assert (row.status, row.last_error) == ("DONE", None)
    assert "starting_after" not in provider_apis.log[0][0].args
    assert provider_apis.log[1][0].args["starting_after"] == "evt_2"
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 3
    events = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.type == "integration.webhook")
    assert db.session.scalar(events) == 3
    seen = client.get(f"{API}/{created['id']}", headers=me.headers)
    assert seen.json["data"]["lastSyncAt"] is not None


def test_a_second_sync_looks_back_to_the_first_and_stores_nothing_twice(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer
) -> None:
    created = create_integration(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    provider_apis.expect_request("/v1/events").respond_with_json(
        {"data": [{"id": "evt_1", "type": "a"}], "has_more": False}
    )
    first = run(created)
    run(created)
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 1
    since = int(provider_apis.log[1][0].args["created[gte]"])
    assert first.finished_at is not None
    assert since == int((first.finished_at - event_pull.OVERLAP).timestamp())


@pytest.mark.parametrize("body", ["not json", "[]", '{"data": 7}', '{"data": [7]}', "{}"])
def test_a_sync_is_retried_if_the_response_is_not_a_list_of_events(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer, body: str
) -> None:
    created = create_integration(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    provider_apis.expect_request("/v1/events").respond_with_data(body)
    row = run(created)
    assert (row.status, row.last_error) == ("PENDING", "the response is not a list of events")
    assert row.next_attempt_at > utcnow()


def test_a_sync_fails_after_five_attempts(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer
) -> None:
    created = create_integration(client, as_user().headers, provider="SENDGRID", credentials={"apiKey": SECRET})
    provider_apis.expect_request("/v3/scopes").respond_with_data("", status=503)
    row = run(created)
    while row.status == "PENDING":
        with transaction():
            db.session.execute(update(Sync).values(next_attempt_at=func.now(), hinted_until=func.now()))
        assert sync.overdue() == [row.id]
        sync.run_sync(row.id)
        db.session.expire_all()
    assert (row.status, row.attempts) == ("FAILED", 5)
    assert db.session.get_one(Integration, created["id"]).last_sync_at is None


def test_old_events_and_finished_syncs_are_deleted_and_pending_syncs_are_kept(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer
) -> None:
    created = create_integration(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    provider_apis.expect_request("/v1/events").respond_with_json(
        {"data": [{"id": "evt_1", "type": "a"}], "has_more": False}
    )
    run(created)
    waiting = create_sync(created)

    def remaining() -> tuple[int, list[UUID]]:
        stored = db.session.scalar(select(func.count()).select_from(WebhookEvent)) or 0
        return stored, list(db.session.scalars(select(Sync.id).order_by(Sync.created_at)))

    for days, counts in ((29, (1, 2)), (31, (1, 1)), (91, (0, 1))):
        retention.delete_expired_syncs(utcnow() + timedelta(days=days))
        retention.delete_expired_events(utcnow() + timedelta(days=days))
        events, sync_ids = remaining()
        assert (events, len(sync_ids)) == counts
    assert remaining() == (0, [waiting])
    assert {"old webhooks", "old syncs"} <= {task.name for task in PERIODIC_TASKS}


def test_a_sync_fails_if_its_worker_ends_during_every_attempt(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    def killed(*_: object) -> None:
        raise Killed

    created = create_integration(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    sync_id = create_sync(created)
    monkeypatch.setattr(sync, "_synchronize", killed)
    for _ in range(sync.MAX_CLAIMS):
        with pytest.raises(Killed):
            sync.run_sync(sync_id)
        db.session.rollback()
        with transaction():
            db.session.execute(update(Sync).values(locked_until=func.now(), hinted_until=func.now()))
        assert sync.overdue() == [sync_id]
    sync.run_sync(sync_id)
    row = db.session.get_one(Sync, sync_id, populate_existing=True)
    assert (row.status, row.last_error) == ("FAILED", "the worker process ended during every attempt")


def test_the_result_of_the_later_of_two_claims_counts(
    client: FlaskClient, as_user: Callable[..., Any], provider_apis: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = create_integration(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    provider_apis.expect_request("/v1/events").respond_with_data("", status=503)
    sync_id, original = create_sync(created), sync._synchronize

    def slow(*args: Any) -> None:
        """Succeeds, but only after another worker has claimed the row and failed."""
        monkeypatch.setattr(sync, "_synchronize", original)
        with transaction():
            db.session.execute(update(Sync).values(locked_until=func.now()))
        sync.run_sync(sync_id)

    monkeypatch.setattr(sync, "_synchronize", slow)
    sync.run_sync(sync_id)
    row = db.session.get_one(Sync, sync_id, populate_existing=True)
    assert (row.status, row.attempts) == ("PENDING", 2)


def test_a_repeated_request_creates_no_second_sync_and_an_unknown_integration_is_rejected(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = create_integration(client, as_user().headers, provider="STRIPE")
    request, unknown = publish(IntegrationSync(id=UUID(created["id"]))), publish(IntegrationSync(id=some_id()))
    with transaction():
        sync_ids = [sync.create_sync(request), sync.create_sync(request)]
    assert [bool(sync_id) for sync_id in sync_ids] == [True, False]
    with pytest.raises(PermanentFailure, match="integration not found"):
        sync.create_sync(unknown)


def test_a_sync_of_an_inactive_integration_fails_without_a_call(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    created = create_integration(client, me.headers, provider="STRIPE", credentials={"apiKey": SECRET})
    sync_id = create_sync(created)
    client.patch(f"{API}/{created['id']}", json={"isActive": False}, headers=me.headers)
    sync.run_sync(sync_id)
    row = db.session.get_one(Sync, sync_id, populate_existing=True)
    assert (row.status, row.last_error) == ("FAILED", "the integration is switched off")
    with pytest.raises(PermanentFailure, match="switched off"):
        create_sync(created)


def test_a_sync_without_an_api_key_calls_the_endpoint(
    client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    created = create_integration(client, as_user().headers, webhookUrl=httpserver.url_for("/hook"))
    assert run(created).status == "DONE"
    assert json.loads(httpserver.log[0][0].data)["type"] == "integration.sync"
    last_sync_at = db.session.get_one(Integration, created["id"]).last_sync_at
    assert last_sync_at is not None
    assert utcnow() - last_sync_at < timedelta(minutes=1)
