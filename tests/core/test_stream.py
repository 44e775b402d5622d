from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, text

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session
from heidi_common.interceptors import open_streams
from heidi_common.messaging.events import CityCreated
from heidi_common.messaging.outbox import POSITIONED_CHANNEL
from heidi_common.redis.client import redis_client
from heidi_services.core.service import event_tail
from tests.core.test_events import publish, user_created
from tests.polling import TIMEOUT_SECONDS, until
from tests.served_app import served


@pytest.fixture
def url(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The core service over real HTTP, since the test client cannot read an endless stream."""
    monkeypatch.setattr(event_tail, "_POLL_SECONDS", 0.2)
    monkeypatch.setattr(event_tail, "_IDLE_SECONDS", 3.0)
    with served(app) as url:
        yield f"{url}/api/v1/core/events/stream"
    monkeypatch.setattr(event_tail, "_IDLE_SECONDS", 0.0)
    until(lambda: has_ended(app))  # the thread ends when it is idle


def has_ended(app: Flask) -> bool:
    notify()
    tail = app.extensions.get("heidi_event_tail")
    return tail is None or tail._thread is None


class Listener:
    """Reads a stream; `next()` is the next event as (id, type, data)."""

    def __init__(self, url: str, headers: dict[str, str], **params: str) -> None:
        self.response = requests.get(url, headers=headers, params=params, stream=True, timeout=TIMEOUT_SECONDS)
        self._lines = self.response.iter_lines(chunk_size=1)
        assert next(self._lines).startswith(b"id: ")
        assert next(self._lines) == b"retry: 2000"

    def next(self) -> tuple[int, str, Any]:
        fields: dict[str, str] = {}
        keep_alives = 0
        for line in self._lines:
            if line.startswith(b":"):
                keep_alives += 1
                assert keep_alives < 5, "no event for a minute"
                continue
            if not line and fields:
                return int(fields["id"]), fields["event"], orjson.loads(fields["data"])
            if line:
                name, _, value = line.decode().partition(": ")
                fields[name] = value
        raise AssertionError("the stream ended")

    def ended(self) -> bool:
        return list(self._lines) in ([], [b""])

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()


def publish_users(count: int = 1) -> list[str]:
    """Publish events and notify, as the relay does."""
    ids = publish(*(user_created() for _ in range(count)))
    notify()
    return ids


def notify() -> None:
    with transaction():
        db.session.execute(select(func.pg_notify(POSITIONED_CHANNEL, "")))


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


def test_an_event_reaches_every_listener_immediately(url: str, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_tail, "_POLL_SECONDS", 600.0)
    with Listener(url, admin.headers) as first, Listener(url, admin.headers) as second:
        (event_id,) = publish_users()
        for listener in (first, second):
            position, type, data = listener.next()
            assert (type, data["id"], data["position"]) == ("user.created", event_id, position)
        assert first.response.headers["Content-Type"].startswith("text/event-stream")


def test_only_new_events_are_streamed_unless_the_client_resumes(url: str, admin: Any) -> None:
    before = publish_users(3)
    with Listener(url, admin.headers) as listener:
        (after,) = publish_users()
        position, _, data = listener.next()
        assert data["id"] == after
    with Listener(url, admin.headers | {"Last-Event-ID": str(position - 3)}) as listener:
        assert [listener.next()[2]["id"] for _ in range(3)] == [*before[1:], after]


def test_a_long_gap_is_replayed_without_loss_while_new_events_arrive(
    url: str, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "_PAGE", 7)
    monkeypatch.setattr(event_tail, "_IN_MEMORY", 5)
    first = publish_users(40)
    start = db.session.execute(text("SELECT min(position) - 1 FROM outbox")).scalar_one()
    with Listener(url, admin.headers | {"Last-Event-ID": str(start)}) as listener:
        received = [listener.next() for _ in range(20)]
        second = publish_users(20)
        received += [listener.next() for _ in range(40)]
    assert [data["id"] for _, _, data in received] == first + second
    assert [position for position, _, _ in received] == sorted({position for position, _, _ in received})


def test_a_stream_is_filtered_by_type(url: str, admin: Any) -> None:
    with Listener(url, admin.headers, type="city.*") as cities, Listener(url, admin.headers) as everything:
        publish_users()
        everything.next()
        (city,) = publish(CityCreated(id=admin.user.id, country="DE"))
        publish_users()
        assert cities.next()[2]["id"] == city


def test_signing_out_ends_the_stream(url: str, admin: Any) -> None:
    with Listener(url, admin.headers) as listener:
        with transaction():
            db.session.delete(db.session.get_one(Session, admin.session_id))
        redis_client().flushall()
        assert listener.ended(), "not even a keep-alive is sent before the end"


def test_a_lost_database_connection_is_reopened(url: str, admin: Any) -> None:
    with Listener(url, admin.headers) as listener:
        publish_users()
        listener.next()
        kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'event log'"
        assert db.session.execute(text(kill)).scalar_one() >= 1
        (event_id,) = publish_users()
        assert listener.next()[2]["id"] == event_id


def connections() -> int:
    db.session.rollback()
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'event log'"
    return db.session.execute(text(busy)).scalar_one()


def test_many_streams_hold_one_connection(url: str, admin: Any) -> None:
    listeners = [Listener(url, admin.headers) for _ in range(10)]
    until(lambda: connections() == 1)  # a closed connection is still listed for a moment
    publish_users()
    assert len({listener.next()[0] for listener in listeners}) == 1
    assert connections() == 1
    for listener in listeners:
        listener.response.close()


@pytest.mark.parametrize("limit", [1, 3])
def test_the_number_of_streams_per_user_is_limited(
    url: str, admin: Any, as_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(open_streams, "STREAMS_PER_USER", limit)
    listeners = [Listener(url, admin.headers) for _ in range(limit)]
    rejected = requests.get(url, headers=admin.headers, timeout=TIMEOUT_SECONDS)
    assert (rejected.status_code, rejected.json()["code"]) == (429, "too_many_requests")
    assert int(rejected.headers["Retry-After"]) > 0
    with Listener(url, as_user(Role.ADMIN).headers):
        pass  # another user has a separate limit
    for listener in listeners:
        listener.response.close()
    publish_users()  # a server notices that a client has gone when it writes

    def is_open() -> bool:
        publish_users()
        with requests.get(url, headers=admin.headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
            return response.status_code == 200

    until(is_open)


def test_a_stream_that_is_rejected_does_not_count(url: str, admin: Any) -> None:
    for _ in range(open_streams.STREAMS_PER_USER + 1):
        headers = admin.headers | {"Last-Event-ID": "x"}
        assert requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS).status_code == 400
    with Listener(url, admin.headers):
        pass


@pytest.mark.parametrize("last", ["x", "-1", "٣", "9" * 30, "9" * 5000])
def test_an_invalid_last_event_id_is_rejected(app: Flask, admin: Any, last: str) -> None:
    answer = app.test_client().get(
        "/api/v1/core/events/stream", headers=admin.headers | {"Last-Event-ID": last.encode().decode("latin1")}
    )
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_last_event_id")


@pytest.mark.parametrize("ahead", [1, 7, 10**17])
def test_an_id_in_the_future_resets_the_stream_to_the_newest_event(url: str, admin: Any, ahead: int) -> None:
    publish_users(2)
    newest = db.session.execute(text("SELECT max(position) FROM outbox")).scalar_one()
    with Listener(url, admin.headers | {"Last-Event-ID": str(newest + ahead)}) as listener:
        reset = {"reason": "future", "requested": newest + ahead, "position": newest}
        assert listener.next() == (newest, "reset", reset)
        (event_id,) = publish_users()
        assert listener.next()[2]["id"] == event_id


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_id_whose_later_events_were_deleted_is_reported_before_the_rest(url: str, admin: Any, missing: int) -> None:
    ids = publish_users(5)
    first = db.session.execute(text("SELECT min(position) FROM outbox")).scalar_one()
    db.session.execute(text("DELETE FROM outbox WHERE position < :end"), {"end": first + missing})
    db.session.commit()
    with Listener(url, admin.headers | {"Last-Event-ID": str(first - 1)}) as listener:
        reset = {"reason": "expired", "requested": first - 1, "position": first - 1}
        assert listener.next() == (first - 1, "reset", reset)
        assert [listener.next()[2]["id"] for _ in range(5 - missing)] == ids[missing:]
    with Listener(url, admin.headers | {"Last-Event-ID": str(first + missing - 1)}) as listener:
        assert listener.next()[2]["id"] == ids[missing]
