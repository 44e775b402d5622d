"""The example service, with real PostgreSQL, RabbitMQ and Valkey."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from examples.parking import SERVICE, prices, routes
from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict
from heidi_common.rabbitmq.rpc import serve
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import redis_client
from heidi_common.redis.lock import Lock
from tests.polling import TIMEOUT_SECONDS
from tests.rabbitmq_server import RabbitNode

TICKETS = "/api/v1/parking/centre/tickets"


@pytest.fixture(scope="module")
def parking_app(platform: Flask, settings: Settings, rabbit: RabbitNode) -> Flask:
    return build_app(replace(settings, broker_url=rabbit.url), SERVICE)


@pytest.fixture
def parking(app: Flask, parking_app: Flask) -> Iterator[FlaskClient]:
    routes.PARKS.metadata.create_all(db.engine)
    with transaction():
        db.session.execute(insert(routes.PARKS).values(name="centre", free=2))
    yield parking_app.test_client()
    db.session.rollback()
    routes.PARKS.metadata.drop_all(db.engine)


@pytest.fixture
def price_server(rabbit: RabbitNode) -> Iterator[None]:
    stop, ready = threading.Event(), threading.Event()
    options = {"stop": stop, "ready": ready}
    thread = threading.Thread(target=serve, args=(rabbit.url, "parking.price", prices.price), kwargs=options)
    thread.start()
    assert ready.wait(TIMEOUT_SECONDS)
    yield
    stop.set()
    thread.join()


def test_it_has_fewer_than_100_lines() -> None:
    files = (Path(__file__).parent.parent.parent / "examples").rglob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in files) < 100


def test_tickets_are_sold_once_until_the_car_park_is_full(parking, as_user, price_server) -> None:
    headers = as_user().headers
    display = redis_cache().subscribe("parking")
    assert next(display) is None
    first = parking.post(TICKETS, json={"plate": "B-X 1", "hours": 3}, headers=headers | {"Idempotency-Key": "1"})
    again = parking.post(TICKETS, json={"plate": "B-X 1", "hours": 3}, headers=headers | {"Idempotency-Key": "1"})
    assert first.json["data"] == again.json["data"] == {"plate": "B-X 1", "hours": 3, "cents": 600, "free": 1}
    shown = next(message for message in display if message is not None)
    assert shown.data == {"park": "centre", "free": 1}
    assert parking.get("/api/v1/parking/centre/plates/B-X 1", headers=headers).json["data"] == {"parked": True}
    assert parking.get("/api/v1/parking/centre/plates/B-X 2", headers=headers).json["data"] == {"parked": False}
    assert 'parking_tickets_total{park="centre"} 1.0' in parking.get("/metrics").get_data(as_text=True)
    codes = [parking.post(TICKETS, json={"plate": "b", "hours": 1}, headers=headers).status_code for _ in range(2)]
    assert codes == [201, 409]


def test_a_rejected_price_and_a_missing_server_become_errors(parking, as_user, price_server) -> None:
    rejected = parking.post(TICKETS, json={"plate": "b", "hours": 30}, headers=as_user().headers)
    assert (rejected.status_code, rejected.json["code"]) == (409, "bad_hours")


def test_without_a_price_server_the_route_is_unavailable(parking, as_user) -> None:
    missing = parking.post(TICKETS, json={"plate": "b", "hours": 1}, headers=as_user().headers)
    assert (missing.status_code, missing.json["code"]) == (503, "no_prices")


def test_a_holder_whose_lease_has_expired_cannot_write_any_more(parking) -> None:
    late, next_one = Lock(redis_client(), "parking:centre"), Lock(redis_client(), "parking:centre")
    late.acquire()
    redis_client().delete("heidi:lock:{parking:centre}")  # the lease has expired
    next_one.acquire()
    assert routes.take_space("centre", next_one.fencing_token) == 1
    with pytest.raises(Conflict):
        routes.take_space("centre", late.fencing_token)


def test_the_example_is_documented_like_a_service_of_the_platform(parking) -> None:
    document = parking.get("/docs/parking/openapi.json").get_json()
    assert document["paths"][TICKETS.replace("centre", "{name}")]["post"]["x-roles"] == ["ADMIN", "MODERATOR", "USER"]
