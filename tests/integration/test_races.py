"""What two at once may not do twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select
from werkzeug import Request, Response

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery, WebhookEvent
from heidi_services.integration.service import delivery_claim, delivery_worker, endpoint_health
from tests.integration.helpers import STRIPE_SECRET, forward, make, stripe_event, stripe_headers, user_updated

T = TypeVar("T")
AT_ONCE = 6


def at_once(app: Flask, deed: Callable[[], T]) -> list[T]:
    """The same deed in several threads that start together, each with a session of its own."""
    start = threading.Barrier(AT_ONCE)

    def run() -> T:
        with app.app_context():
            start.wait()
            try:
                return deed()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(AT_ONCE)]]


def test_a_webhook_that_comes_several_times_at_once_is_stored_once(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = make(client, as_user().headers, provider="STRIPE", credentials={"webhookSecret": STRIPE_SECRET})
    path, body = f"/api/v1/webhooks/stripe/{created['id']}", stripe_event()
    answers = at_once(app, lambda: app.test_client().post(path, data=body, headers=stripe_headers(body)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json["data"]["stored"] for answer in answers) == 1
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 1
    facts = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.type == "integration.webhook")
    assert db.session.scalar(facts) == 1


def test_a_delivery_that_several_workers_are_told_of_is_sent_once(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    me = as_user()
    httpserver.expect_request("/hook").respond_with_data("")
    make(client, me.headers, webhookUrl=httpserver.url_for("/hook"), config={"eventTypes": ["*"]})
    [delivery_id] = forward(user_updated(me.user.id))
    assert sum(at_once(app, lambda: delivery_worker.deliver(delivery_id))) == 1
    assert len(httpserver.log) == 1


def test_many_workers_call_one_endpoint_for_three_deliveries_at_a_time(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def count(_: Request) -> Response:
        nonlocal inside, most
        with lock:
            inside, most = inside + 1, max(most, inside + 1)
        threading.Event().wait(0.2)
        with lock:
            inside -= 1
        return Response()

    # On a machine that is busy with other things, an endpoint must not look slow here.
    monkeypatch.setattr(endpoint_health, "SLOW_MS", 60_000)
    me = as_user()
    with HTTPServer(threaded=True) as server:
        server.expect_request("/hook").respond_with_handler(count)
        make(client, me.headers, webhookUrl=server.url_for("/hook"), config={"eventTypes": ["*"]})
        rows = iter([forward(user_updated(me.user.id))[0] for _ in range(12)])
        at_once(app, lambda: delivery_worker.deliver(next(rows)))
        assert len(server.log) == 12
    db.session.expire_all()
    assert {row.status for row in db.session.scalars(select(Delivery))} == {"DELIVERED"}
    assert most <= delivery_claim.MAX_CONCURRENT_PER_ENDPOINT
