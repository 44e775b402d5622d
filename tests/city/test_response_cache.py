"""Cached responses: a change is visible immediately on every instance, and unchanged responses cost little."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import after_commit, transaction
from heidi_common.messaging.event_handling import handle
from heidi_common.messaging.events import matches
from heidi_common.messaging.inbox import MAX_ATTEMPTS, Inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Unavailable
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import redis_client
from heidi_services import SERVICES
from heidi_services.city import http_cache
from heidi_services.city.models import City
from heidi_services.city.service import cities, queries, response_cache
from tests.city.conftest import BERLIN
from tests.conftest import make_settings
from tests.ports import free_port
from tests.sql_recorder import Sent, recorded_statements
from workers.city import renew_city_answers
from workers.subscriptions import SUBSCRIPTIONS

URL = "/api/v1/cities"
CONSUMER = renew_city_answers.__name__
SHORTEST_PAUSES = [sum(2**n / 2 for n in range(attempt)) for attempt in range(MAX_ATTEMPTS)]
"""The seconds that have passed before each attempt at an event if all random pauses are the shortest."""


@pytest.fixture
def statements() -> Iterator[Sent]:
    with recorded_statements() as sent:
        yield sent


@pytest.fixture
def other_instance(settings: Settings) -> FlaskClient:
    """Another instance of the service, which shares only the database and Redis."""
    return build_app(settings, SERVICES["city"]).test_client()


@pytest.fixture
def city(make: Callable[..., City], client: FlaskClient) -> City:
    """A city whose response is cached: the first read starts a generation, the second stores, the third is a hit."""
    berlin = make(**BERLIN)
    for _ in range(2):
        client.get(f"{URL}/{berlin.id}")
    return berlin


@pytest.mark.parametrize("path", ["/{id}", "/countries", "/search?q=berlin"])
def test_a_cached_read_sends_no_statement(client: FlaskClient, city: City, statements: Sent, path: str) -> None:
    path = URL + path.format(id=city.id)
    first = client.get(path)
    statements.clear()
    again = client.get(path)
    assert statements == []
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])


def test_an_uncached_read_of_a_city_is_a_single_statement(
    client: FlaskClient, make: Callable[..., City], statements: Sent
) -> None:
    path = f"{URL}/{make(**BERLIN).id}"
    statements.clear()
    client.get(path)
    assert len(statements) == 1


@pytest.mark.parametrize(
    "path", ["/{id}", "/countries", "/search?q=berlin", "?country=DE", "/nearby?latitude=52.5&longitude=13"]
)
def test_a_client_that_has_the_response_gets_304(client: FlaskClient, city: City, path: str) -> None:
    path = URL + path.format(id=city.id)
    first = client.get(path)
    for tag in (first.headers["ETag"], f'"other", W/{first.headers["ETag"]}', "*"):
        response = client.get(path, headers={"If-None-Match": tag})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == first.headers["ETag"]
        assert response.headers["Cache-Control"] == "public, max-age=0, s-maxage=1"
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_change_is_visible_immediately_on_every_instance(
    client: FlaskClient, other_instance: FlaskClient, editor: dict[str, str], city: City
) -> None:
    here = f"{URL}/{city.id}"
    old = other_instance.get(here).headers["ETag"]
    client.patch(here, json={"population": 1}, headers=editor)
    for instance in (client, other_instance):
        response = instance.get(here, headers={"If-None-Match": old})
        assert (response.status_code, response.json["data"]["population"]) == (200, 1)
    client.delete(here, headers=editor)
    for instance in (client, other_instance):
        assert instance.get(here).json["data"]["isActive"] is False
        assert instance.get(f"{URL}/countries").json["data"] == []
        assert instance.get(f"{URL}/search?q=berlin").json["data"] == []


def test_a_reader_slower_than_a_change_stores_nothing_that_is_used(client: FlaskClient, city: City) -> None:
    def slow() -> http_cache.CachedResponse:
        cities.update(city.id, None, population=1)
        return http_cache.CachedResponse("old", b"old")

    assert response_cache.get_or_load("slow", slow).body == b"old"
    assert response_cache.get_or_load("slow", lambda: http_cache.CachedResponse("new", b"new")).body == b"new"


def test_a_change_that_is_rolled_back_invalidates_nothing(client: FlaskClient, city: City, statements: Sent) -> None:
    path = f"{URL}/{city.id}"
    with pytest.raises(RuntimeError), transaction():
        cities.update(city.id, None, population=1)
        raise RuntimeError
    statements.clear()
    assert client.get(path).json["data"]["population"] == BERLIN["population"]
    assert statements == []


def test_responses_are_invalidated_only_after_the_commit(app: Flask, city: City) -> None:
    seen: list[int | None] = []

    def record_population() -> None:
        seen.append(queries.get_city(city.id).population)

    with transaction():
        after_commit(record_population)
        cities.update(city.id, None, population=1)
    assert seen == [1]


def test_the_event_of_a_change_invalidates_responses_too(client: FlaskClient, city: City) -> None:
    """If the process died between its commit and the invalidation."""
    db.session.execute(City.__table__.update().values(population=1))
    db.session.commit()
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == BERLIN["population"]
    assert "renew_city_answers" in [s.actor for s in SUBSCRIPTIONS if matches(s.pattern, "city.updated")]
    renew_city_answers(OutboxEvent())
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == 1


def test_reads_and_changes_work_without_redis(redis_url: str, database_url: str, city: City) -> None:
    without_redis = make_settings(database_url, f"redis://127.0.0.1:{free_port()}/0")
    app = build_app(without_redis, SERVICES["city"])
    with app.app_context():
        cities.update(city.id, None, population=1)
        assert app.test_client().get(f"{URL}/{city.id}").json["data"]["population"] == 1
        with pytest.raises(Unavailable):
            response_cache.invalidate_for_event(OutboxEvent())


def test_a_change_made_without_redis_never_becomes_a_dead_letter(redis_url: str, database_url: str, city: City) -> None:
    """It is handled again until the entries from before the change have expired; attempts are left by then."""
    app = build_app(make_settings(database_url, f"redis://127.0.0.1:{free_port()}/0"), SERVICES["city"])
    with app.app_context():
        cities.update(city.id, None, population=1)
        event = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "city.updated")).one()
        db.session.add(Inbox(event_id=event.id, consumer=CONSUMER))
        db.session.commit()
        for attempt in range(MAX_ATTEMPTS):
            _handle_again(event, seconds_since_sent=SHORTEST_PAUSES[attempt])
        assert db.session.get_one(Inbox, (event.id, CONSUMER)).status == "done"


def _handle_again(event: OutboxEvent, *, seconds_since_sent: float) -> None:
    event.sent_at = utcnow() - timedelta(seconds=seconds_since_sent)
    db.session.execute(update(Inbox).values(next_attempt_at=utcnow()))
    db.session.commit()
    with suppress(Unavailable):
        handle(CONSUMER, event.id, renew_city_answers)


def test_if_redis_loses_the_generation_older_responses_are_not_used(client: FlaskClient, city: City) -> None:
    cache = redis_cache()
    cache.attempt(lambda r: r.delete(cache.key("city:generation")), None)
    db.session.execute(City.__table__.update().values(population=1))
    db.session.commit()
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == 1
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == 1


def test_cached_responses_expire(client: FlaskClient, city: City, app: Flask) -> None:
    store: redis.Redis = redis_client()
    assert 0 < store.ttl(redis_cache().key(f"city:{city.id.hex}")) <= response_cache.TTL_SECONDS
