"""Deliveries to a real HTTP server: signed, retried, failed, and isolated from each other."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import select, update
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug import Request, Response

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery, DeliveryAttempt, Integration, IntegrationLog
from heidi_services.integration.service import retention
from heidi_services.integration.service.credentials import secret_rotation
from heidi_services.integration.service.deliveries import (
    delivery_claim,
    delivery_worker,
    endpoint_health,
    retry_policy,
    webhook_client,
)
from tests.integration.helpers import API, create_integration, deliver, forward, some_id, user_updated
from tests.polling import TIMEOUT_SECONDS, until


@pytest.fixture(autouse=True)
def _no_endpoint_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy test machine must not make an endpoint unhealthy."""
    monkeypatch.setattr(endpoint_health, "SLOW_MS", 60_000)


def enqueue(endpoint: dict[str, Any]) -> Any:
    [delivery_id] = forward(user_updated(endpoint["user_id"]))
    return delivery_id


def read_integration(endpoint: dict[str, Any]) -> Integration:
    db.session.expire_all()
    return db.session.get_one(Integration, endpoint["id"])


def attempts() -> list[DeliveryAttempt]:
    return list(db.session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.created_at)))


def owner_notifications() -> list[OutboxEvent]:
    return list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "notification.send")))


def test_a_delivery_is_accepted_by_the_standard_webhooks_library(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("thanks")
    row = deliver(enqueue(endpoint))
    [(request, _)] = httpserver.log
    message = Webhook(endpoint["signingSecret"]).verify(request.data, dict(request.headers))
    assert message["type"] == "user.updated"
    assert message["data"]["userId"] == str(endpoint["user_id"])
    assert request.headers["webhook-id"] == str(row.event_id)
    assert (row.status, row.attempts, row.response_status) == ("DELIVERED", 1, 200)
    [attempt] = attempts()
    assert (attempt.outcome, attempt.status_code, attempt.response) == ("delivered", 200, "thanks")


def test_all_attempts_have_the_same_id_and_body_but_different_signatures(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    delivery_id = enqueue(endpoint)
    tomorrow = utcnow() + timedelta(days=1)
    for hour in (0, 1):
        with time_machine.travel(tomorrow + timedelta(hours=hour), tick=False):
            deliver(delivery_id)
            request = httpserver.log[-1][0]
            Webhook(endpoint["signingSecret"]).verify(request.data, dict(request.headers))
    first, second = (request for request, _ in httpserver.log)
    assert first.data == second.data
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_the_previous_secret_verifies_for_a_day_after_a_rotation(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    response = client.post(f"{API}/{endpoint['id']}/rotate-secret", headers=endpoint["headers"])
    new = response.json["data"]["signingSecret"]
    assert response.status_code == 200
    assert new != endpoint["signingSecret"]
    deliver(enqueue(endpoint))
    request = httpserver.log[-1][0]
    for secret in (new, endpoint["signingSecret"]):
        Webhook(secret).verify(request.data, dict(request.headers))
    with time_machine.travel(utcnow() + timedelta(hours=24, seconds=1)):
        deliver(enqueue(endpoint))
        request = httpserver.log[-1][0]
        Webhook(new).verify(request.data, dict(request.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint["signingSecret"]).verify(request.data, dict(request.headers))


@pytest.mark.parametrize("rotations", [2, 3, 7])
def test_every_replaced_secret_verifies_for_its_own_24_hours(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer, rotations: int
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    secrets, started = [endpoint["signingSecret"]], utcnow()
    for number in range(1, rotations + 1):
        with time_machine.travel(started + timedelta(hours=number)):
            secrets.append(secret_rotation.rotate_secret(endpoint["id"], owner(endpoint)))
    for hour in range(rotations, rotations + 26):
        with time_machine.travel(started + timedelta(hours=hour, minutes=1)):
            deliver(enqueue(endpoint))
            request = httpserver.log[-1][0]
            # The secret of index i was replaced at hour i + 1.
            promised = [secret for index, secret in enumerate(secrets[:-1]) if hour < index + 25]
            assert {secret for secret in secrets if verifies(secret, request)} == {*promised, secrets[-1]}


def owner(endpoint: dict[str, Any]) -> Caller:
    return Caller({"sid": "1", "sub": str(endpoint["user_id"]), "role": Role.USER.value})


def verifies(secret: str, request: Request) -> bool:
    try:
        Webhook(secret).verify(request.data, dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


def test_rotations_are_rejected_while_20_replaced_secrets_are_valid(
    client: FlaskClient, endpoint: dict[str, Any]
) -> None:
    path = f"{API}/{endpoint['id']}/rotate-secret"
    for _ in range(20):
        secret_rotation.rotate_secret(endpoint["id"], owner(endpoint))
    response = client.post(path, headers=endpoint["headers"])
    assert (response.status_code, response.json["code"]) == (409, "too_many_rotations")
    assert "Rotate again after" in response.json["detail"]
    with time_machine.travel(utcnow() + timedelta(hours=24, seconds=1)):
        secret_rotation.rotate_secret(endpoint["id"], owner(endpoint))
    assert read_integration(endpoint).older_signing_secrets == []


@pytest.mark.parametrize("status", [199 + 101, 302, 400, 404, 429, 500, 503])
def test_only_2xx_is_success_and_redirects_are_not_followed(
    endpoint: dict[str, Any], httpserver: HTTPServer, status: int
) -> None:
    headers = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request("/hook").respond_with_data("", status=status, headers=headers)
    row = deliver(enqueue(endpoint))
    assert (row.status, row.response_status, row.last_error) == ("PENDING", status, f"returned {status}")
    assert len(httpserver.log) == 1


def test_the_retry_schedule_is_the_documented_one_with_20_percent_jitter() -> None:
    steps = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for attempt, step in enumerate(steps, start=1):
        delays = [retry_policy.retry_delay(attempt, None) for _ in range(200)]
        assert all(delay is not None and 0.8 * step <= delay <= 1.2 * step for delay in delays)
        assert len(set(delays)) > 1
    assert retry_policy.retry_delay(10, None) is None


@pytest.mark.parametrize(("retry_after", "delay"), [(0, 300), (299, 300), (400, 400), (600, 600), (100_000, 600)])
def test_retry_after_is_limited_to_one_to_two_times_the_scheduled_delay(retry_after: float, delay: float) -> None:
    assert retry_policy.retry_delay(2, retry_after) == delay


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 01 Jan 2031 00:01:00 GMT", 60.0),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 400, None),
        ("²", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_invalid_values_are_ignored(header: str, seconds: float | None) -> None:
    assert retry_policy.parse_retry_after(header, datetime(2031, 1, 1, tzinfo=UTC)) == seconds


def test_a_failed_attempt_is_retried_after_its_delay(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=503, headers={"Retry-After": "8"})
    now = utcnow() + timedelta(days=1)
    delivery_id = enqueue(endpoint)
    with time_machine.travel(now, tick=False):
        row = deliver(delivery_id)
    assert row.next_attempt_at == row.hinted_until == now + timedelta(seconds=8)
    assert row.locked_until is None


def test_a_delivery_fails_after_ten_attempts(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    delivery_id = enqueue(endpoint)
    rows = [deliver(delivery_id).status for _ in range(10)]
    assert rows == ["PENDING"] * 9 + ["FAILED"]
    assert [attempt.number for attempt in attempts()] == list(range(1, 11))
    deliver(delivery_id)
    assert len(httpserver.log) == 10


def test_410_disables_the_integration_and_notifies_its_owner_once(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=410)
    first, second = enqueue(endpoint), enqueue(endpoint)
    assert deliver(first).status == "FAILED"
    assert deliver(second).last_error == "the integration is switched off or has no webhookUrl"
    row = read_integration(endpoint)
    assert (row.is_active, row.disabled_reason) == (False, "The endpoint returned 410 Gone.")
    requests = {request.data["channel"]: request for request in owner_notifications()}
    assert requests.keys() == {"IN_APP", "EMAIL"}
    assert {request.user_id for request in requests.values()} == {endpoint["user_id"]}
    assert "410 Gone" in requests["IN_APP"].decrypt_secret_data()["content"]
    assert requests["EMAIL"].data["template"] == "integration-disabled"
    assert requests["EMAIL"].decrypt_secret_data()["variables"]["reason"] == "gone"
    assert disabled_events() == [(str(endpoint["id"]), endpoint["user_id"], "gone")]
    assert len(httpserver.log) == 1


def disabled_events() -> list[tuple[str, Any, str]]:
    events = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "integration.disabled"))
    return [(event.subject, event.user_id, event.data["reason"]) for event in events]


def fail_on_days(endpoint: dict[str, Any], httpserver: HTTPServer, days: Sequence[float]) -> Integration:
    """Let one new delivery fail at each of the days, counted from now."""
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    started = utcnow()
    for day in days:
        with time_machine.travel(started + timedelta(days=day)):
            deliver(enqueue(endpoint))
    return read_integration(endpoint)


@pytest.mark.parametrize(
    "days",
    [(0, 1, 2, 3, 4, 5.01), (0, 1.9, 3.8, 5.7), (0, 0.01, 0.02, 1.2, 2.4, 3.6, 4.8, 6), (0, 30, 31, 32, 33, 34, 35.1)],
)
def test_failures_spread_over_five_days_disable_the_integration(
    endpoint: dict[str, Any], httpserver: HTTPServer, days: tuple[float, ...]
) -> None:
    row = fail_on_days(endpoint, httpserver, days)
    assert (row.is_active, row.disabled_reason) == (False, "Every delivery of the last five days failed.")
    assert {request.data["channel"] for request in owner_notifications()} == {"IN_APP", "EMAIL"}
    assert disabled_events() == [(str(endpoint["id"]), endpoint["user_id"], "failing")]


@pytest.mark.parametrize(
    "days", [(0, 7), (0, 1, 2, 3, 10), (0, 1, 2, 3, 4, 4.9), (0, 3, 6, 9), (0, 0.01, 8, 8.01, 16, 16.01, 30)]
)
def test_failures_with_quiet_days_between_them_disable_nothing(
    endpoint: dict[str, Any], httpserver: HTTPServer, days: tuple[float, ...]
) -> None:
    assert fail_on_days(endpoint, httpserver, days).is_active
    assert owner_notifications() == disabled_events() == []


def test_a_success_restarts_the_five_days(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    statuses = iter([500, 200, 500])
    httpserver.expect_request("/hook").respond_with_handler(lambda _: Response(status=next(statuses)))
    started = utcnow()
    for days in (0, 3, 6):
        with time_machine.travel(started + timedelta(days=days)):
            deliver(enqueue(endpoint))
    assert read_integration(endpoint).is_active
    assert owner_notifications() == []


def test_a_change_of_the_endpoints_health_does_not_change_the_etag(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    path = f"{API}/{endpoint['id']}"
    before = client.get(path, headers=endpoint["headers"])
    deliver(enqueue(endpoint))
    after = client.get(path, headers=endpoint["headers"])
    assert (after.headers["ETag"], after.json) == (before.headers["ETag"], before.json)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]:1/", "http://0/"])
def test_an_internal_address_is_blocked_at_delivery_and_logged(
    client: FlaskClient, endpoint: dict[str, Any], url: str
) -> None:
    with transaction():
        db.session.execute(update(Integration).values(webhook_url=url))
    row = deliver(enqueue(endpoint))
    assert row.status == "FAILED"
    [line] = client.get(f"{API}/{endpoint['id']}/logs?direction=OUT", headers=endpoint["headers"]).json["data"]
    assert (line["status"], line["statusCode"]) == ("FAILED", None)
    assert line["error"].startswith("BlockedURLError: ")
    assert attempts()[0].outcome == "refused"


def test_a_response_is_stored_up_to_20_kb_with_echoed_secrets_redacted(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    echo = f"{endpoint['signingSecret']}\x00 " + "x" * 50_000
    httpserver.expect_request("/hook").respond_with_data(echo, status=500)
    deliver(enqueue(endpoint))
    stored = attempts()[0].response
    assert stored is not None
    assert len(stored) <= 20_000
    assert endpoint["signingSecret"] not in stored
    assert stored.startswith("[redacted]\ufffd xxx")


def test_a_missing_response_is_ambiguous_and_retried(
    endpoint: dict[str, Any], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_client, "TIMEOUT_SECONDS", 3.0)  # long enough to send the request
    may_respond = threading.Event()

    def wait(_: Request) -> Response:
        may_respond.wait(TIMEOUT_SECONDS)
        return Response()

    httpserver.expect_request("/hook").respond_with_handler(wait)
    row = deliver(enqueue(endpoint))
    may_respond.set()
    until(lambda: httpserver.log)  # the server logs the request late; it must not appear in the next test's log
    assert row.status == "PENDING"
    assert attempts()[0].outcome == "ambiguous"
    assert read_integration(endpoint).is_unhealthy


def test_a_refused_connection_is_a_failed_attempt_not_an_error(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    with transaction():
        db.session.execute(update(Integration).values(webhook_url="http://127.0.0.1:1/"))
    row = deliver(enqueue(endpoint))
    assert row.status == "PENDING"
    assert attempts()[0].outcome == "failed"


def test_an_integration_deleted_during_the_request_leaves_no_rows(
    endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_then_respond(*_: object) -> webhook_client.WebhookResponse:
        with transaction():
            db.session.delete(db.session.get_one(Integration, endpoint["id"]))
        return webhook_client.WebhookResponse(status_code=200, body="", error=None, duration_ms=1)

    monkeypatch.setattr(delivery_worker, "send_webhook", delete_then_respond)
    assert delivery_worker.deliver(enqueue(endpoint)) == 1
    assert list(db.session.scalars(select(Delivery))) == attempts() == []


def test_no_transaction_is_open_during_the_request(endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    in_transaction: list[bool] = []

    def check_transaction(*_: object) -> webhook_client.WebhookResponse:
        in_transaction.append(db.session().in_transaction())
        return webhook_client.WebhookResponse(status_code=200, body="", error=None, duration_ms=1)

    monkeypatch.setattr(delivery_worker, "send_webhook", check_transaction)
    deliver(enqueue(endpoint))
    assert in_transaction == [False]


def test_a_worker_continues_with_the_due_deliveries_of_the_endpoint(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    rows = [enqueue(endpoint) for _ in range(5)]
    assert delivery_worker.deliver(rows[0]) == 5
    assert {row.status for row in db.session.scalars(select(Delivery))} == {"DELIVERED"}


def test_an_endpoint_has_at_most_three_deliveries_in_flight(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    rows = [enqueue(endpoint) for _ in range(4)]
    with transaction():
        busy = update(Delivery).where(Delivery.id.in_(rows[:3])).values(locked_until=utcnow() + timedelta(minutes=1))
        db.session.execute(busy)
    assert delivery_worker.deliver(rows[3]) == 0
    assert httpserver.log == []
    db.session.expire_all()
    assert db.session.get_one(Delivery, rows[3]).attempts == 0


def test_unhealthy_endpoints_leave_threads_for_the_others(
    client: FlaskClient, endpoint: dict[str, Any], as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    healthy, row = endpoint, enqueue(endpoint)
    other = as_user()
    url = httpserver.url_for("/hook")
    unhealthy = create_integration(client, other.headers, webhookUrl=url, config={"eventTypes": ["*"]})
    with transaction():
        db.session.execute(update(Integration).where(Integration.id == unhealthy["id"]).values(is_unhealthy=True))
    [waiting] = forward(user_updated(other.user.id))
    with delivery_worker._concurrency_slot(True) as first, delivery_worker._concurrency_slot(True) as second:
        assert (first, second) == (True, True)
        assert delivery_worker.deliver(waiting) == 0
        assert delivery_worker.deliver(row) == 1
    assert read_integration(healthy).is_unhealthy is False
    later = db.session.get_one(Delivery, waiting)
    assert (later.attempts, later.status) == (0, "PENDING")
    assert later.hinted_until < utcnow() + timedelta(seconds=3)
    assert delivery_worker.deliver(waiting) == 1


def test_after_a_failure_the_other_deliveries_are_left_to_the_clock(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    rows = [enqueue(endpoint) for _ in range(3)]
    assert delivery_worker.deliver(rows[0]) == 1
    assert read_integration(endpoint).is_unhealthy


def test_the_clock_reports_one_due_delivery_for_each_endpoint(
    client: FlaskClient, endpoint: dict[str, Any], as_user: Callable[..., Any]
) -> None:
    other = as_user()
    create_integration(client, other.headers, webhookUrl="https://r.example/", config={"eventTypes": ["*"]})
    first, *_ = [enqueue(endpoint) for _ in range(3)]
    [only] = forward(user_updated(other.user.id))
    assert delivery_worker.overdue() == []
    with transaction():
        db.session.execute(update(Delivery).values(hinted_until=utcnow() - timedelta(seconds=1)))
    assert set(delivery_worker.overdue()) == {first, only}


def test_a_manual_retry_replaces_the_scheduled_one(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    statuses = iter([500, 200])
    httpserver.expect_request("/hook").respond_with_handler(lambda _: Response(status=next(statuses)))
    delivery_id = enqueue(endpoint)
    deliver(delivery_id)
    path = f"{API}/{endpoint['id']}/deliveries/{delivery_id}"
    response = client.post(f"{path}/retry", headers=endpoint["headers"])
    assert response.status_code == 202
    assert delivery_worker.overdue() == [delivery_id]
    assert delivery_worker.deliver(delivery_id) == 1
    seen = client.get(path, headers=endpoint["headers"]).json["data"]
    assert (seen["status"], seen["attempts"], seen["nextAttemptAt"]) == ("DELIVERED", 2, None)
    assert [entry["statusCode"] for entry in seen["attemptLog"]] == [500, 200]
    assert json.loads(seen["body"])["type"] == "user.updated"
    assert delivery_worker.overdue() == []


def test_a_retry_with_the_same_idempotency_key_is_replayed(client: FlaskClient, endpoint: dict[str, Any]) -> None:
    path = f"{API}/{endpoint['id']}/deliveries/{enqueue(endpoint)}/retry"
    headers = endpoint["headers"] | {"Idempotency-Key": "k1"}
    first, second = client.post(path, headers=headers), client.post(path, headers=headers)
    assert (first.status_code, first.json) == (second.status_code, second.json)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_delivery_in_flight_or_of_an_inactive_integration_is_not_retried(
    client: FlaskClient, endpoint: dict[str, Any]
) -> None:
    delivery_id = enqueue(endpoint)
    path = f"{API}/{endpoint['id']}/deliveries"
    with transaction():
        db.session.execute(update(Delivery).values(locked_until=utcnow() + timedelta(minutes=1)))
    response = client.post(f"{path}/{delivery_id}/retry", headers=endpoint["headers"])
    assert (response.status_code, response.json["code"]) == (409, "in_flight")
    assert client.post(f"{path}/{some_id()}/retry", headers=endpoint["headers"]).status_code == 404
    client.patch(f"{API}/{endpoint['id']}", json={"isActive": False}, headers=endpoint["headers"])
    response = client.post(f"{path}/{delivery_id}/retry", headers=endpoint["headers"])
    assert (response.status_code, response.json["code"]) == (409, "integration_inactive")


def test_failed_deliveries_since_a_time_are_recovered(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    rows = [enqueue(endpoint) for _ in range(2)]
    with transaction():
        db.session.execute(update(Delivery).values(status="FAILED", attempts=10))
        old = update(Delivery).where(Delivery.id == rows[0]).values(created_at=utcnow() - timedelta(days=2))
        db.session.execute(old)
    body = {"since": (utcnow() - timedelta(days=1)).isoformat()}
    response = client.post(f"{API}/{endpoint['id']}/recover", json=body, headers=endpoint["headers"])
    assert (response.status_code, response.json["data"]) == (202, {"recovered": 1})
    httpserver.expect_request("/hook").respond_with_data("")
    assert deliver(rows[1]).status == "DELIVERED"


def test_deliveries_are_listed_with_their_filters_and_have_etags(client: FlaskClient, endpoint: dict[str, Any]) -> None:
    delivery_id = enqueue(endpoint)
    path = f"{API}/{endpoint['id']}/deliveries"
    for query, count in {"": 1, "?status=PENDING": 1, "?status=FAILED": 0, "?eventType=user.updated": 1}.items():
        assert len(client.get(path + query, headers=endpoint["headers"]).json["data"]) == count
    assert client.get(f"{path}?status=LOST", headers=endpoint["headers"]).status_code == 422
    detail = client.get(f"{path}/{delivery_id}", headers=endpoint["headers"])
    tagged = endpoint["headers"] | {"If-None-Match": detail.headers["ETag"]}
    assert client.get(f"{path}/{delivery_id}", headers=tagged).status_code == 304


def test_old_deliveries_and_log_entries_are_deleted_and_pending_deliveries_are_kept(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:

    httpserver.expect_request("/hook").respond_with_data("")
    deliver(enqueue(endpoint))
    waiting = enqueue(endpoint)
    later = utcnow() + timedelta(days=31)
    retention.delete_expired_deliveries(later)
    retention.delete_expired_logs(later)
    assert list(db.session.scalars(select(Delivery.id))) == [waiting]
    assert list(db.session.scalars(select(IntegrationLog))) == []


def test_rotated_encryption_keys_decrypt_older_secrets(
    endpoint: dict[str, Any], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64

    from heidi_common.crypto.encryption import FieldEncryptor
    from heidi_common.runtime import current_runtime

    old, new = base64.b64encode(bytes(range(32))).decode(), base64.b64encode(bytes(range(32, 64))).decode()
    monkeypatch.setitem(current_runtime().instances, field_encryptor, FieldEncryptor([new, old]))
    assert secret_rotation.reencrypt_all() == (1, [])
    assert secret_rotation.reencrypt_all() == (0, [])
    monkeypatch.setitem(current_runtime().instances, field_encryptor, FieldEncryptor([new]))
    httpserver.expect_request("/hook").respond_with_data("")
    deliver(enqueue(endpoint))
    Webhook(endpoint["signingSecret"]).verify(httpserver.log[0][0].data, dict(httpserver.log[0][0].headers))
    monkeypatch.setitem(current_runtime().instances, field_encryptor, FieldEncryptor([old]))
    assert secret_rotation.reencrypt_all() == (0, [read_integration(endpoint).id])


def test_a_delivery_fails_if_its_worker_ends_during_every_attempt(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    delivery_id = enqueue(endpoint)
    with transaction():
        db.session.execute(update(Delivery).values(attempts=delivery_claim.MAX_LOST_ATTEMPTS))
    row = deliver(delivery_id)
    assert (row.status, row.locked_until, httpserver.log) == ("FAILED", None, [])
