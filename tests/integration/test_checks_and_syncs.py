"""Calls to the providers' own APIs: is it there, and what did we miss?"""

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
from heidi_services.integration.service import event_pull, retention, sync
from tests.integration.helpers import API, make, say, some_id
from workers.periodic_tasks import PERIODIC_TASKS

SECRET = "sk_test_abcdefgh"
BASIC = "Basic " + base64.b64encode(b"AC1:tok").decode()
BEARER = f"Bearer {SECRET}"


@pytest.fixture
def vendors(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """The vendors' APIs, answered by the test's server."""
    for module in (sendgrid, slack, stripe, twilio):
        monkeypatch.setattr(module, "API", httpserver.url_for("").rstrip("/"))
    return httpserver


def check(client: FlaskClient, owner: Any, **fields: Any) -> dict[str, Any]:
    created = make(client, owner.headers, **fields)
    answer = client.post(f"{API}/{created['id']}/test", headers=owner.headers)
    assert answer.status_code == 200, answer.json
    return dict(answer.json["data"])


@pytest.mark.parametrize(
    ("provider", "credentials", "method", "path", "authorization", "body"),
    [
        ("STRIPE", {"apiKey": SECRET}, "GET", "/v1/account", BEARER, {}),
        ("SENDGRID", {"apiKey": SECRET}, "GET", "/v3/scopes", BEARER, {}),
        ("TWILIO", {"accountSid": "AC1", "authToken": "tok"}, "GET", "/2010-04-01/Accounts/AC1.json", BASIC, {}),
        ("SLACK", {"botToken": SECRET}, "POST", "/auth.test", BEARER, {"ok": True}),
    ],
)
def test_the_test_asks_the_providers_own_api(
    client: FlaskClient,
    as_user: Callable[..., Any],
    vendors: HTTPServer,
    provider: str,
    credentials: dict[str, str],
    method: str,
    path: str,
    authorization: str,
    body: dict[str, Any],
) -> None:
    vendors.expect_request(path, method=method, headers={"Authorization": authorization}).respond_with_json(body)
    found = check(client, as_user(), provider=provider, credentials=credentials)
    assert (found["ok"], found["status"]) == (True, 200)
    assert found.keys() == {"ok", "status", "durationMs", "detail"}


def test_a_wrong_key_is_told_and_logged_without_the_key(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer
) -> None:
    me = as_user()
    vendors.expect_request("/v1/account").respond_with_data(f"Invalid API Key: {SECRET}", status=401)
    found = check(client, me, provider="STRIPE", credentials={"apiKey": SECRET})
    assert (found["ok"], found["status"]) == (False, 401)
    path = client.get(API, headers=me.headers).json["data"][0]["id"]
    logs = client.get(f"{API}/{path}/logs?action=test", headers=me.headers)
    assert logs.json["data"][0]["response"] == {"body": "Invalid API Key: [redacted]"}
    assert SECRET not in logs.text


@pytest.mark.parametrize("answer", ['{"ok": false, "error": "invalid_auth"}', "no json", "[]"])
def test_slack_says_200_to_a_wrong_token_and_is_not_believed(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer, answer: str
) -> None:
    vendors.expect_request("/auth.test").respond_with_data(answer)
    found = check(client, as_user(), provider="SLACK", credentials={"botToken": SECRET})
    assert (found["ok"], found["status"]) == (False, 200)


def test_an_account_number_cannot_lead_to_another_path(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer
) -> None:
    check(client, as_user(), provider="TWILIO", credentials={"accountSid": "../../x?y#", "authToken": "t"})
    assert vendors.log[0][0].environ["REQUEST_URI"] == "/2010-04-01/Accounts/..%2F..%2Fx%3Fy%23.json"


def test_without_an_api_key_the_endpoint_gets_a_signed_message(
    client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    me = as_user()
    httpserver.expect_request("/hook").respond_with_data("", status=202)
    created = make(client, me.headers, webhookUrl=httpserver.url_for("/hook"))
    answer = client.post(f"{API}/{created['id']}/test", headers=me.headers).json["data"]
    assert (answer["ok"], answer["status"]) == (True, 202)
    request = httpserver.log[0][0]
    message = Webhook(created["signingSecret"]).verify(request.data, dict(request.headers))
    assert (message["type"], message["data"]) == ("integration.test", {"integrationId": created["id"]})


def test_where_nothing_can_be_called_the_test_says_so(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    found = check(client, as_user(), provider="STRIPE")
    assert (found["ok"], found["status"]) == (False, None)
    assert "nothing to call" in found["detail"]


def test_a_refused_address_is_an_answer_of_the_test_not_an_error(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    created = make(client, me.headers, webhookUrl="https://placeholder.example/")
    with transaction():
        db.session.execute(update(Integration).values(webhook_url="http://192.168.0.1/"))
    answer = client.post(f"{API}/{created['id']}/test", headers=me.headers)
    assert (answer.status_code, answer.json["data"]["ok"]) == (200, False)
    assert "BlockedURLError" in answer.json["data"]["detail"]


def accepted(created: dict[str, Any]) -> UUID:
    with transaction():
        sync_id = sync.create_sync(say(IntegrationSync(id=UUID(created["id"]))))
    assert sync_id is not None
    return sync_id


def run(created: dict[str, Any]) -> Sync:
    """As the worker does: the fact becomes a row, the row is carried out."""
    sync_id = accepted(created)
    sync.run_sync(sync_id)
    db.session.expire_all()
    return db.session.get_one(Sync, sync_id)


def test_a_sync_that_is_asked_for_is_a_fact(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    created = make(client, me.headers, provider="STRIPE")
    answer = client.post(f"{API}/{created['id']}/sync", headers=me.headers | {"Idempotency-Key": "1"})
    assert (answer.status_code, answer.json["data"]["id"]) == (202, created["id"])
    assert client.post(f"{API}/{created['id']}/sync", headers=me.headers | {"Idempotency-Key": "1"}).status_code == 202
    [fact] = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "integration.sync"))
    assert (fact.subject, fact.user_id) == (created["id"], me.user.id)
    client.patch(f"{API}/{created['id']}", json={"isActive": False}, headers=me.headers)
    assert client.post(f"{API}/{created['id']}/sync", headers=me.headers).status_code == 409


def test_a_sync_fetches_from_stripe_what_the_receiver_missed_page_by_page(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer
) -> None:
    me = as_user()
    created = make(client, me.headers, provider="STRIPE", credentials={"apiKey": SECRET})
    pages = [
        {"data": [{"id": "evt_3", "type": "b"}, {"id": "evt_2", "type": "a"}], "has_more": True},
        {"data": [{"id": "evt_1", "type": "a"}], "has_more": False},
    ]
    for page in pages:
        vendors.expect_oneshot_request("/v1/events", headers={"Authorization": BEARER}).respond_with_json(page)
    row = run(created)
    assert (row.status, row.last_error) == ("DONE", None)
    assert "starting_after" not in vendors.log[0][0].args
    assert vendors.log[1][0].args["starting_after"] == "evt_2"
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 3
    facts = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.type == "integration.webhook")
    assert db.session.scalar(facts) == 3
    seen = client.get(f"{API}/{created['id']}", headers=me.headers)
    assert seen.json["data"]["lastSyncAt"] is not None


def test_a_second_sync_looks_back_to_the_first_and_stores_nothing_twice(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer
) -> None:
    created = make(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    vendors.expect_request("/v1/events").respond_with_json({"data": [{"id": "evt_1", "type": "a"}], "has_more": False})
    first = run(created)
    run(created)
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 1
    since = int(vendors.log[1][0].args["created[gte]"])
    assert first.finished_at is not None
    assert since == int((first.finished_at - event_pull.OVERLAP).timestamp())


@pytest.mark.parametrize("body", ["not json", "[]", '{"data": 7}', '{"data": [7]}', "{}"])
def test_an_answer_that_is_no_list_of_events_is_a_failure_that_is_tried_again(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer, body: str
) -> None:
    created = make(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    vendors.expect_request("/v1/events").respond_with_data(body)
    row = run(created)
    assert (row.status, row.last_error) == ("PENDING", "the response is not a list of events")
    assert row.next_attempt_at > utcnow()


def test_a_sync_ends_after_five_tries(client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer) -> None:
    created = make(client, as_user().headers, provider="SENDGRID", credentials={"apiKey": SECRET})
    vendors.expect_request("/v3/scopes").respond_with_data("", status=503)
    row = run(created)
    while row.status == "PENDING":
        with transaction():
            db.session.execute(update(Sync).values(next_attempt_at=func.now(), hinted_until=func.now()))
        assert sync.overdue() == [row.id]
        sync.run_sync(row.id)
        db.session.expire_all()
    assert (row.status, row.attempts) == ("FAILED", 5)
    assert db.session.get_one(Integration, created["id"]).last_sync_at is None


def test_old_webhooks_and_finished_syncs_are_forgotten_and_waiting_ones_are_not(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer
) -> None:
    created = make(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    vendors.expect_request("/v1/events").respond_with_json({"data": [{"id": "evt_1", "type": "a"}], "has_more": False})
    run(created)
    waiting = accepted(created)

    def left() -> tuple[int, list[UUID]]:
        stored = db.session.scalar(select(func.count()).select_from(WebhookEvent)) or 0
        return stored, list(db.session.scalars(select(Sync.id).order_by(Sync.created_at)))

    for days, kept in ((29, (1, 2)), (31, (1, 1)), (91, (0, 1))):
        retention.delete_expired_syncs(utcnow() + timedelta(days=days))
        retention.delete_expired_events(utcnow() + timedelta(days=days))
        found = left()
        assert (found[0], len(found[1])) == kept
    assert left() == (0, [waiting])
    assert {"old webhooks", "old syncs"} <= {task.name for task in PERIODIC_TASKS}


def test_a_sync_that_breaks_its_worker_every_time_comes_to_an_end(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As the process would end."""

    def killed(*_: object) -> None:
        raise Killed

    created = make(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    sync_id = accepted(created)
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


def test_of_two_workers_at_one_sync_the_later_claim_counts(
    client: FlaskClient, as_user: Callable[..., Any], vendors: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = make(client, as_user().headers, provider="STRIPE", credentials={"apiKey": SECRET})
    vendors.expect_request("/v1/events").respond_with_data("", status=503)
    sync_id, real = accepted(created), sync._synchronize

    def slow(*args: Any) -> None:
        """It succeeds, but only after another worker was given the row, and has failed."""
        monkeypatch.setattr(sync, "_synchronize", real)
        with transaction():
            db.session.execute(update(Sync).values(locked_until=func.now()))
        sync.run_sync(sync_id)

    monkeypatch.setattr(sync, "_synchronize", slow)
    sync.run_sync(sync_id)
    row = db.session.get_one(Sync, sync_id, populate_existing=True)
    assert (row.status, row.attempts) == ("PENDING", 2)


def test_a_fact_that_asks_twice_makes_no_second_row_and_one_for_nothing_is_refused(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = make(client, as_user().headers, provider="STRIPE")
    asked, gone = say(IntegrationSync(id=UUID(created["id"]))), say(IntegrationSync(id=some_id()))
    with transaction():
        found = [sync.create_sync(asked), sync.create_sync(asked)]
    assert [bool(one) for one in found] == [True, False]
    with pytest.raises(PermanentFailure, match="integration not found"):
        sync.create_sync(gone)


def test_a_sync_of_what_was_switched_off_ends_at_once(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    created = make(client, me.headers, provider="STRIPE", credentials={"apiKey": SECRET})
    sync_id = accepted(created)
    client.patch(f"{API}/{created['id']}", json={"isActive": False}, headers=me.headers)
    sync.run_sync(sync_id)
    row = db.session.get_one(Sync, sync_id, populate_existing=True)
    assert (row.status, row.last_error) == ("FAILED", "the integration is switched off")
    with pytest.raises(PermanentFailure, match="switched off"):
        accepted(created)


def test_a_sync_without_an_api_asks_the_endpoint(
    client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    created = make(client, as_user().headers, webhookUrl=httpserver.url_for("/hook"))
    assert run(created).status == "DONE"
    assert json.loads(httpserver.log[0][0].data)["type"] == "integration.sync"
    stamped = db.session.get_one(Integration, created["id"]).last_sync_at
    assert stamped is not None
    assert utcnow() - stamped < timedelta(minutes=1)
