"""Webhooks out, to a real HTTP server: signed, tried again, given up, and never in each other's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
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
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery, DeliveryAttempt, Integration, IntegrationLog
from heidi_services.integration.service import delivery_results, delivery_worker, integrations, webhook_client
from tests.integration.helpers import API, deliver, forward, make, some_id, user_updated
from tests.polling import PATIENCE, until


@pytest.fixture(autouse=True)
def _nobody_looks_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy with other things."""
    monkeypatch.setattr(delivery_results, "SLOW_MS", 60_000)


@pytest.fixture
def endpoint(client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer) -> dict[str, Any]:
    """An integration that forwards what is about its owner to the test's server."""
    me = as_user()
    url = httpserver.url_for("/hook")
    created = make(client, me.headers, webhookUrl=url, config={"eventTypes": ["*"]})
    return created | {"headers": me.headers, "user_id": me.user.id}


def queued(endpoint: dict[str, Any]) -> Any:
    [delivery_id] = forward(user_updated(endpoint["user_id"]))
    return delivery_id


def integration(endpoint: dict[str, Any]) -> Integration:
    db.session.expire_all()
    return db.session.get_one(Integration, endpoint["id"])


def attempts() -> list[DeliveryAttempt]:
    return list(db.session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.created_at)))


def told() -> list[OutboxEvent]:
    return list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "notification.send")))


def test_a_delivery_is_what_the_standards_library_accepts(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("thanks")
    row = deliver(queued(endpoint))
    [(request, _)] = httpserver.log
    message = Webhook(endpoint["signingSecret"]).verify(request.data, dict(request.headers))
    assert message["type"] == "user.updated"
    assert message["data"]["userId"] == str(endpoint["user_id"])
    assert request.headers["webhook-id"] == str(row.event_id)
    assert (row.status, row.attempts, row.response_status) == ("DELIVERED", 1, 200)
    [attempt] = attempts()
    assert (attempt.outcome, attempt.status_code, attempt.response) == ("delivered", 200, "thanks")


def test_each_try_has_the_same_id_and_body_and_a_signature_of_its_own(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    delivery_id = queued(endpoint)
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


def test_while_a_secret_is_rotated_the_old_one_verifies_for_a_day(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    answer = client.post(f"{API}/{endpoint['id']}/rotate-secret", headers=endpoint["headers"])
    new = answer.json["data"]["signingSecret"]
    assert answer.status_code == 200
    assert new != endpoint["signingSecret"]
    deliver(queued(endpoint))
    request = httpserver.log[-1][0]
    for secret in (new, endpoint["signingSecret"]):
        Webhook(secret).verify(request.data, dict(request.headers))
    with time_machine.travel(utcnow() + timedelta(hours=24, seconds=1)):
        deliver(queued(endpoint))
        request = httpserver.log[-1][0]
        Webhook(new).verify(request.data, dict(request.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint["signingSecret"]).verify(request.data, dict(request.headers))


@pytest.mark.parametrize("status", [199 + 101, 302, 400, 404, 429, 500, 503])
def test_only_2xx_is_success_and_redirects_are_not_followed(
    endpoint: dict[str, Any], httpserver: HTTPServer, status: int
) -> None:
    headers = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request("/hook").respond_with_data("", status=status, headers=headers)
    row = deliver(queued(endpoint))
    assert (row.status, row.response_status, row.last_error) == ("PENDING", status, f"answered {status}")
    assert len(httpserver.log) == 1


def test_the_schedule_of_tries_is_the_documented_one_with_a_fifth_of_jitter() -> None:
    steps = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for attempt, step in enumerate(steps, start=1):
        waits = [delivery_results.wait_before_next(attempt, None) for _ in range(200)]
        assert all(wait is not None and 0.8 * step <= wait <= 1.2 * step for wait in waits)
        assert len(set(waits)) > 1
    assert delivery_results.wait_before_next(10, None) is None


@pytest.mark.parametrize(("asked", "wait"), [(0, 300), (299, 300), (400, 400), (600, 600), (100_000, 600)])
def test_retry_after_counts_between_one_and_two_steps(asked: float, wait: float) -> None:
    assert delivery_results.wait_before_next(2, asked) == wait


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
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_ignored(header: str, seconds: float | None) -> None:
    assert webhook_client.seconds_to_wait(header, datetime(2031, 1, 1, tzinfo=UTC)) == seconds


def test_a_failure_is_due_again_after_its_step(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=503, headers={"Retry-After": "8"})
    now = utcnow() + timedelta(days=1)
    delivery_id = queued(endpoint)
    with time_machine.travel(now, tick=False):
        row = deliver(delivery_id)
    assert row.next_attempt_at == row.hinted_until == now + timedelta(seconds=8)
    assert row.locked_until is None


def test_after_ten_tries_a_delivery_has_failed(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    delivery_id = queued(endpoint)
    rows = [deliver(delivery_id).status for _ in range(10)]
    assert rows == ["PENDING"] * 9 + ["FAILED"]
    assert [attempt.number for attempt in attempts()] == list(range(1, 11))
    deliver(delivery_id)
    assert len(httpserver.log) == 10


def test_410_disables_the_integration_and_its_owner_is_told_once(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=410)
    first, second = queued(endpoint), queued(endpoint)
    assert deliver(first).status == "FAILED"
    assert deliver(second).last_error == "the integration is switched off or has no webhookUrl"
    row = integration(endpoint)
    assert (row.is_active, row.disabled_reason) == (False, "The endpoint answered 410 Gone.")
    [request] = told()
    assert request.user_id == endpoint["user_id"]
    assert "410 Gone" in request.decrypt_secret_data()["content"]
    assert len(httpserver.log) == 1


def test_only_failures_for_five_days_disable_the_integration(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    started = utcnow()
    deliver(queued(endpoint))
    with time_machine.travel(started + timedelta(days=4, hours=23)):
        deliver(queued(endpoint))
        assert integration(endpoint).is_active
    with time_machine.travel(started + timedelta(days=5, minutes=1)):
        deliver(queued(endpoint))
    row = integration(endpoint)
    assert (row.is_active, row.disabled_reason) == (False, "Every delivery of the last five days failed.")
    assert len(told()) == 1


def test_one_success_starts_the_five_days_anew(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    statuses = iter([500, 200, 500])
    httpserver.expect_request("/hook").respond_with_handler(lambda _: Response(status=next(statuses)))
    started = utcnow()
    for days in (0, 3, 6):
        with time_machine.travel(started + timedelta(days=days)):
            deliver(queued(endpoint))
    assert integration(endpoint).is_active
    assert told() == []


def test_what_a_try_says_about_the_endpoint_does_not_change_the_etag(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    path = f"{API}/{endpoint['id']}"
    before = client.get(path, headers=endpoint["headers"])
    deliver(queued(endpoint))
    after = client.get(path, headers=endpoint["headers"])
    assert (after.headers["ETag"], after.json) == (before.headers["ETag"], before.json)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]:1/", "http://0/"])
def test_an_address_inside_is_refused_at_delivery_and_the_log_says_so(
    client: FlaskClient, endpoint: dict[str, Any], url: str
) -> None:
    with transaction():
        db.session.execute(update(Integration).values(webhook_url=url))
    row = deliver(queued(endpoint))
    assert row.status == "FAILED"
    [line] = client.get(f"{API}/{endpoint['id']}/logs?direction=OUT", headers=endpoint["headers"]).json["data"]
    assert (line["status"], line["statusCode"]) == ("FAILED", None)
    assert line["error"].startswith("BlockedURLError: ")
    assert attempts()[0].outcome == "refused"


def test_an_answer_is_kept_up_to_20_kb_without_the_secret_it_may_echo(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    echo = f"{endpoint['signingSecret']}\x00 " + "x" * 50_000
    httpserver.expect_request("/hook").respond_with_data(echo, status=500)
    deliver(queued(endpoint))
    kept = attempts()[0].response
    assert kept is not None
    assert len(kept) <= 20_000
    assert endpoint["signingSecret"] not in kept
    assert kept.startswith("[redacted]\ufffd xxx")


def test_an_answer_that_never_comes_is_ambiguous_and_tried_again(
    endpoint: dict[str, Any], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_client, "TIME_LIMIT", 3.0)  # enough to send it
    given_up = threading.Event()

    def wait(_: Request) -> Response:
        given_up.wait(PATIENCE)
        return Response()

    httpserver.expect_request("/hook").respond_with_handler(wait)
    row = deliver(queued(endpoint))
    given_up.set()
    until(lambda: httpserver.log)  # it is written down late: not into the next test's log
    assert row.status == "PENDING"
    assert attempts()[0].outcome == "ambiguous"
    assert integration(endpoint).is_troubled


def test_an_endpoint_that_is_not_there_is_a_failure_not_an_error(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    with transaction():
        db.session.execute(update(Integration).values(webhook_url="http://127.0.0.1:1/"))
    row = deliver(queued(endpoint))
    assert row.status == "PENDING"
    assert attempts()[0].outcome == "failed"


def test_an_integration_removed_during_the_call_leaves_nothing_behind(
    endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_then_answer(*_: object) -> webhook_client.Answer:
        with transaction():
            db.session.delete(db.session.get_one(Integration, endpoint["id"]))
        return webhook_client.Answer(status_code=200, body="", error=None, duration_ms=1)

    monkeypatch.setattr(delivery_worker, "post_signed", remove_then_answer)
    assert delivery_worker.deliver(queued(endpoint)) == 1
    assert list(db.session.scalars(select(Delivery))) == attempts() == []


def test_no_transaction_is_open_during_the_call(endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def look(*_: object) -> webhook_client.Answer:
        seen.append(db.session().in_transaction())
        return webhook_client.Answer(status_code=200, body="", error=None, duration_ms=1)

    monkeypatch.setattr(delivery_worker, "post_signed", look)
    deliver(queued(endpoint))
    assert seen == [False]


def test_who_takes_an_endpoints_row_goes_on_with_its_due_ones(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    rows = [queued(endpoint) for _ in range(5)]
    assert delivery_worker.deliver(rows[0]) == 5
    assert {row.status for row in db.session.scalars(select(Delivery))} == {"DELIVERED"}


def test_an_endpoint_is_called_for_few_deliveries_at_a_time(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    rows = [queued(endpoint) for _ in range(4)]
    with transaction():
        busy = update(Delivery).where(Delivery.id.in_(rows[:3])).values(locked_until=utcnow() + timedelta(minutes=1))
        db.session.execute(busy)
    assert delivery_worker.deliver(rows[3]) == 0
    assert httpserver.log == []
    db.session.expire_all()
    assert db.session.get_one(Delivery, rows[3]).attempts == 0


def test_endpoints_in_trouble_leave_threads_for_the_others(
    client: FlaskClient, endpoint: dict[str, Any], as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    healthy, row = endpoint, queued(endpoint)
    other = as_user()
    url = httpserver.url_for("/hook")
    troubled = make(client, other.headers, webhookUrl=url, config={"eventTypes": ["*"]})
    with transaction():
        db.session.execute(update(Integration).where(Integration.id == troubled["id"]).values(is_troubled=True))
    [waiting] = forward(user_updated(other.user.id))
    with delivery_worker._room(True) as first, delivery_worker._room(True) as second:
        assert (first, second) == (True, True)
        assert delivery_worker.deliver(waiting) == 0
        assert delivery_worker.deliver(row) == 1
    assert integration(healthy).is_troubled is False
    later = db.session.get_one(Delivery, waiting)
    assert (later.attempts, later.status) == (0, "PENDING")
    assert later.hinted_until < utcnow() + timedelta(seconds=3)
    assert delivery_worker.deliver(waiting) == 1


def test_after_a_failure_the_rest_is_left_to_the_clock(endpoint: dict[str, Any], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    rows = [queued(endpoint) for _ in range(3)]
    assert delivery_worker.deliver(rows[0]) == 1
    assert integration(endpoint).is_troubled


def test_the_clock_names_one_due_row_for_each_endpoint(
    client: FlaskClient, endpoint: dict[str, Any], as_user: Callable[..., Any]
) -> None:
    other = as_user()
    make(client, other.headers, webhookUrl="https://r.example/", config={"eventTypes": ["*"]})
    first, *_ = [queued(endpoint) for _ in range(3)]
    [only] = forward(user_updated(other.user.id))
    assert delivery_worker.overdue() == []
    with transaction():
        db.session.execute(update(Delivery).values(hinted_until=utcnow() - timedelta(seconds=1)))
    assert set(delivery_worker.overdue()) == {first, only}


def test_a_manual_retry_takes_the_place_of_the_automatic_one(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    statuses = iter([500, 200])
    httpserver.expect_request("/hook").respond_with_handler(lambda _: Response(status=next(statuses)))
    delivery_id = queued(endpoint)
    deliver(delivery_id)
    path = f"{API}/{endpoint['id']}/deliveries/{delivery_id}"
    answer = client.post(f"{path}/retry", headers=endpoint["headers"])
    assert answer.status_code == 202
    assert delivery_worker.overdue() == [delivery_id]
    assert delivery_worker.deliver(delivery_id) == 1
    seen = client.get(path, headers=endpoint["headers"]).json["data"]
    assert (seen["status"], seen["attempts"], seen["nextAttemptAt"]) == ("DELIVERED", 2, None)
    assert [entry["statusCode"] for entry in seen["attemptLog"]] == [500, 200]
    assert json.loads(seen["body"])["type"] == "user.updated"
    assert delivery_worker.overdue() == []


def test_a_retry_with_the_same_key_is_asked_for_once(client: FlaskClient, endpoint: dict[str, Any]) -> None:
    path = f"{API}/{endpoint['id']}/deliveries/{queued(endpoint)}/retry"
    headers = endpoint["headers"] | {"Idempotency-Key": "k1"}
    first, second = client.post(path, headers=headers), client.post(path, headers=headers)
    assert (first.status_code, first.json) == (second.status_code, second.json)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_what_is_being_tried_or_cannot_arrive_is_not_retried(client: FlaskClient, endpoint: dict[str, Any]) -> None:
    delivery_id = queued(endpoint)
    path = f"{API}/{endpoint['id']}/deliveries"
    with transaction():
        db.session.execute(update(Delivery).values(locked_until=utcnow() + timedelta(minutes=1)))
    answer = client.post(f"{path}/{delivery_id}/retry", headers=endpoint["headers"])
    assert (answer.status_code, answer.json["code"]) == (409, "in_flight")
    assert client.post(f"{path}/{some_id()}/retry", headers=endpoint["headers"]).status_code == 404
    client.patch(f"{API}/{endpoint['id']}", json={"isActive": False}, headers=endpoint["headers"])
    answer = client.post(f"{path}/{delivery_id}/retry", headers=endpoint["headers"])
    assert (answer.status_code, answer.json["code"]) == (409, "integration_inactive")


def test_failed_deliveries_are_recovered_from_a_moment_on(
    client: FlaskClient, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    rows = [queued(endpoint) for _ in range(2)]
    with transaction():
        db.session.execute(update(Delivery).values(status="FAILED", attempts=10))
        old = update(Delivery).where(Delivery.id == rows[0]).values(created_at=utcnow() - timedelta(days=2))
        db.session.execute(old)
    body = {"since": (utcnow() - timedelta(days=1)).isoformat()}
    answer = client.post(f"{API}/{endpoint['id']}/recover", json=body, headers=endpoint["headers"])
    assert (answer.status_code, answer.json["data"]) == (202, {"recovered": 1})
    httpserver.expect_request("/hook").respond_with_data("")
    assert deliver(rows[1]).status == "DELIVERED"


def test_deliveries_are_listed_with_their_filters_and_have_etags(client: FlaskClient, endpoint: dict[str, Any]) -> None:
    delivery_id = queued(endpoint)
    path = f"{API}/{endpoint['id']}/deliveries"
    for query, wanted in {"": 1, "?status=PENDING": 1, "?status=FAILED": 0, "?eventType=user.updated": 1}.items():
        assert len(client.get(path + query, headers=endpoint["headers"]).json["data"]) == wanted
    assert client.get(f"{path}?status=LOST", headers=endpoint["headers"]).status_code == 422
    one = client.get(f"{path}/{delivery_id}", headers=endpoint["headers"])
    tagged = endpoint["headers"] | {"If-None-Match": one.headers["ETag"]}
    assert client.get(f"{path}/{delivery_id}", headers=tagged).status_code == 304


def test_old_deliveries_and_log_lines_are_forgotten_open_ones_are_not(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    from heidi_services.integration.service import integration_log

    httpserver.expect_request("/hook").respond_with_data("")
    deliver(queued(endpoint))
    waiting = queued(endpoint)
    later = utcnow() + timedelta(days=31)
    delivery_worker.prune(later)
    integration_log.prune(later)
    assert list(db.session.scalars(select(Delivery.id))) == [waiting]
    assert list(db.session.scalars(select(IntegrationLog))) == []


def test_rotated_encryption_keys_open_what_was_sealed_before(
    endpoint: dict[str, Any], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64

    from heidi_common.crypto.encryption import FieldEncryptor
    from heidi_common.runtime import current_runtime

    old, new = base64.b64encode(bytes(range(32))).decode(), base64.b64encode(bytes(range(32, 64))).decode()
    monkeypatch.setitem(current_runtime().instances, field_encryptor, FieldEncryptor([new, old]))
    assert integrations.rotate_keys() == (1, [])
    assert integrations.rotate_keys() == (0, [])
    monkeypatch.setitem(current_runtime().instances, field_encryptor, FieldEncryptor([new]))
    httpserver.expect_request("/hook").respond_with_data("")
    deliver(queued(endpoint))
    Webhook(endpoint["signingSecret"]).verify(httpserver.log[0][0].data, dict(httpserver.log[0][0].headers))
    monkeypatch.setitem(current_runtime().instances, field_encryptor, FieldEncryptor([old]))
    assert integrations.rotate_keys() == (0, [integration(endpoint).id])


def test_a_delivery_that_breaks_its_worker_every_time_comes_to_an_end(
    endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    delivery_id = queued(endpoint)
    with transaction():
        db.session.execute(update(Delivery).values(attempts=delivery_worker.LOST_AT_MOST))
    row = deliver(delivery_id)
    assert (row.status, row.locked_until, httpserver.log) == ("FAILED", None, [])
