"""Concurrent requests and workers: each event is stored once, each delivery is sent once."""

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
from heidi_services.integration.service.deliveries import delivery_claim, delivery_worker, endpoint_health
from tests.integration.helpers import (
    STRIPE_SECRET,
    create_integration,
    forward,
    stripe_event,
    stripe_headers,
    user_updated,
)

T = TypeVar("T")
THREADS = 6


def run_concurrently(app: Flask, action: Callable[[], T]) -> list[T]:
    """Run an action in several threads that start together, each with its own session."""
    start = threading.Barrier(THREADS)

    def run() -> T:
        with app.app_context():
            start.wait()
            try:
                return action()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(THREADS)]]


def test_a_webhook_that_arrives_several_times_concurrently_is_stored_once(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = create_integration(
        client, as_user().headers, provider="STRIPE", credentials={"webhookSecret": STRIPE_SECRET}
    )
    path, body = f"/api/v1/webhooks/stripe/{created['id']}", stripe_event()
    responses = run_concurrently(app, lambda: app.test_client().post(path, data=body, headers=stripe_headers(body)))
    assert {response.status_code for response in responses} == {200}
    assert sum(response.json["data"]["stored"] for response in responses) == 1
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 1
    events = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.type == "integration.webhook")
    assert db.session.scalar(events) == 1


def test_a_delivery_that_several_workers_are_woken_for_is_sent_once(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    me = as_user()
    httpserver.expect_request("/hook").respond_with_data("")
    create_integration(client, me.headers, webhookUrl=httpserver.url_for("/hook"), config={"eventTypes": ["*"]})
    [delivery_id] = forward(user_updated(me.user.id))
    assert sum(run_concurrently(app, lambda: delivery_worker.deliver(delivery_id))) == 1
    assert len(httpserver.log) == 1


def test_an_endpoint_has_at_most_three_deliveries_in_flight_of_all_workers(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight, maximum, lock = 0, 0, threading.Lock()

    def count(_: Request) -> Response:
        nonlocal in_flight, maximum
        with lock:
            in_flight, maximum = in_flight + 1, max(maximum, in_flight + 1)
        threading.Event().wait(0.2)
        with lock:
            in_flight -= 1
        return Response()

    # A busy test machine must not make the endpoint unhealthy.
    monkeypatch.setattr(endpoint_health, "SLOW_MS", 60_000)
    me = as_user()
    with HTTPServer(threaded=True) as server:
        server.expect_request("/hook").respond_with_handler(count)
        create_integration(client, me.headers, webhookUrl=server.url_for("/hook"), config={"eventTypes": ["*"]})
        rows = iter([forward(user_updated(me.user.id))[0] for _ in range(12)])
        run_concurrently(app, lambda: delivery_worker.deliver(next(rows)))
        assert len(server.log) == 12
    db.session.expire_all()
    assert {row.status for row in db.session.scalars(select(Delivery))} == {"DELIVERED"}
    assert maximum <= delivery_claim.MAX_CONCURRENT_PER_ENDPOINT
