"""Stored answers: a change is seen at once, everywhere, and an unchanged answer costs little."""

from collections.abc import Callable, Iterator

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import after_commit, transaction
from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Unavailable
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import redis_client
from heidi_services import SERVICES
from heidi_services.city.models import City
from heidi_services.city.service import cities, queries, response_cache
from tests.city.conftest import BERLIN
from tests.conftest import make_settings
from tests.ports import free_port
from tests.sql_recorder import Sent, noted
from workers.city import renew_city_answers
from workers.subscriptions import SUBSCRIPTIONS

URL = "/api/v1/cities"


@pytest.fixture
def statements() -> Iterator[Sent]:
    with noted() as sent:
        yield sent


@pytest.fixture
def elsewhere(settings: Settings) -> FlaskClient:
    """The same service on another machine: same database and Redis, nothing else in common."""
    return build_app(settings, SERVICES["city"]).test_client()


@pytest.fixture
def city(make: Callable[..., City], client: FlaskClient) -> City:
    """A city whose answer is stored: the first read finds no generation, the second stores, the third is a hit."""
    found = make(**BERLIN)
    for _ in range(2):
        client.get(f"{URL}/{found.id}")
    return found


@pytest.mark.parametrize("path", ["/{id}", "/countries", "/search?q=berlin"])
def test_a_hot_read_asks_no_database(client: FlaskClient, city: City, statements: Sent, path: str) -> None:
    path = URL + path.format(id=city.id)
    first = client.get(path)
    statements.clear()
    again = client.get(path)
    assert statements == []
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])


def test_a_cold_read_of_a_city_is_one_statement(
    client: FlaskClient, make: Callable[..., City], statements: Sent
) -> None:
    path = f"{URL}/{make(**BERLIN).id}"
    statements.clear()
    client.get(path)
    assert len(statements) == 1


@pytest.mark.parametrize(
    "path", ["/{id}", "/countries", "/search?q=berlin", "?country=DE", "/nearby?latitude=52.5&longitude=13"]
)
def test_a_reader_that_has_the_answer_gets_304(client: FlaskClient, city: City, path: str) -> None:
    path = URL + path.format(id=city.id)
    first = client.get(path)
    for tag in (first.headers["ETag"], f'"other", W/{first.headers["ETag"]}', "*"):
        answer = client.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == first.headers["ETag"]
        assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=1"
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_change_is_seen_at_once_on_every_instance(
    client: FlaskClient, elsewhere: FlaskClient, editor: dict[str, str], city: City
) -> None:
    here = f"{URL}/{city.id}"
    old = elsewhere.get(here).headers["ETag"]
    client.patch(here, json={"population": 1}, headers=editor)
    for reader in (client, elsewhere):
        answer = reader.get(here, headers={"If-None-Match": old})
        assert (answer.status_code, answer.json["data"]["population"]) == (200, 1)
    client.delete(here, headers=editor)
    for reader in (client, elsewhere):
        assert reader.get(here).json["data"]["isActive"] is False
        assert reader.get(f"{URL}/countries").json["data"] == []
        assert reader.get(f"{URL}/search?q=berlin").json["data"] == []


def test_a_reader_slower_than_a_change_stores_nothing_that_is_used(client: FlaskClient, city: City) -> None:
    def slow() -> response_cache.CachedResponse:
        cities.update(city.id, None, population=1)
        return response_cache.CachedResponse("old", b"old")

    assert response_cache.get_or_load("slow", slow).body == b"old"
    assert response_cache.get_or_load("slow", lambda: response_cache.CachedResponse("new", b"new")).body == b"new"


def test_a_change_that_is_rolled_back_drops_nothing(client: FlaskClient, city: City, statements: Sent) -> None:
    path = f"{URL}/{city.id}"
    with pytest.raises(RuntimeError), transaction():
        cities.update(city.id, None, population=1)
        raise RuntimeError
    statements.clear()
    assert client.get(path).json["data"]["population"] == BERLIN["population"]
    assert statements == []


def test_answers_are_dropped_only_after_the_commit(app: Flask, city: City) -> None:
    seen: list[int | None] = []

    def look() -> None:
        seen.append(queries.get_city(city.id).population)

    with transaction():
        after_commit(look)
        cities.update(city.id, None, population=1)
    assert seen == [1]


def test_the_fact_of_a_change_drops_answers_too(client: FlaskClient, city: City) -> None:
    """As when the process died between its commit and telling Redis."""
    db.session.execute(City.__table__.update().values(population=1))
    db.session.commit()
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == BERLIN["population"]
    assert "renew_city_answers" in [s.actor for s in SUBSCRIPTIONS if matches(s.pattern, "city.updated")]
    renew_city_answers(OutboxEvent())
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == 1


def test_reads_and_changes_work_without_redis(redis_url: str, database_url: str, city: City) -> None:
    lonely = make_settings(database_url, f"redis://127.0.0.1:{free_port()}/0")
    app = build_app(lonely, SERVICES["city"])
    with app.app_context():
        cities.update(city.id, None, population=1)
        assert app.test_client().get(f"{URL}/{city.id}").json["data"]["population"] == 1
        with pytest.raises(Unavailable):
            response_cache.invalidate_for_event(OutboxEvent())


def test_a_generation_that_redis_lost_makes_all_older_answers_void(client: FlaskClient, city: City) -> None:
    cache = redis_cache()
    cache.attempt(lambda r: r.delete(cache.key("city:generation")), None)
    db.session.execute(City.__table__.update().values(population=1))
    db.session.commit()
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == 1
    assert client.get(f"{URL}/{city.id}").json["data"]["population"] == 1


def test_stored_answers_expire(client: FlaskClient, city: City, app: Flask) -> None:
    store: redis.Redis = redis_client()
    assert 0 < store.ttl(redis_cache().key(f"city:{city.id.hex}")) <= response_cache.TTL_SECONDS
