"""The in-app stream: no gaps, no duplicates, no database connection, and an end with the session."""

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread, Timer
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import revocation
from heidi_common.identity.models import Session
from heidi_common.interceptors import event_stream, open_streams
from heidi_services.notification.models import Notification
from heidi_services.notification.routes import stream
from heidi_services.notification.service import stream_hub
from heidi_services.notification.service.delivery.delivery import deliver
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.polling import TIMEOUT_SECONDS

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications/stream"
MOST_HEARTBEATS = 300


@pytest.fixture(autouse=True)
def quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.1)


@contextmanager
def _stream(client: FlaskClient, person: SignedIn, **headers: str) -> Iterator[Iterator[str]]:
    answer = client.get(URL, headers=person.headers | {k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == 200, answer.get_json()
    assert answer.content_type.startswith("text/event-stream")
    chunks = answer.iter_encoded()
    assert b"retry:" in next(chunks)
    try:
        yield (chunk.decode() for chunk in chunks)
    finally:
        answer.close()


def _next(chunks: Iterator[str]) -> tuple[int, dict[str, Any]]:
    """The next event. Heartbeats are skipped, at most those of a minute."""
    for _, chunk in zip(range(MOST_HEARTBEATS), chunks, strict=False):
        if chunk.startswith("id:"):
            fields = dict(line.split(": ", 1) for line in chunk.strip().splitlines())
            assert fields["event"] == "notification"
            return int(fields["id"]), orjson.loads(fields["data"])
    raise AssertionError("no event arrived")


def test_a_client_that_received_no_event_resumes_where_its_stream_started(
    client: FlaskClient, post: Post, as_user: AsUser
) -> None:
    person = as_user()
    opening = next(client.get(URL, headers=person.headers).iter_encoded()).decode()
    start = opening.partition("id: ")[2].partition("\n")[0]
    missed = post(person, channel="IN_APP", content="Sent in between")
    deliver(missed)
    with _stream(client, person, Last_Event_ID=start) as chunks:
        assert _next(chunks)[1]["id"] == str(missed)


def test_a_stream_that_could_not_be_opened_is_not_counted() -> None:
    def broken(*_: object) -> list[stream_hub.StreamItem]:
        raise ConnectionError("the database is unavailable")

    hub, user_id = stream_hub.StreamHub("postgresql://nobody@127.0.0.1:1/none", broken), UUID(int=1)
    with pytest.raises(ConnectionError):
        hub.open(user_id, 0, queue.SimpleQueue())
    assert hub.count(user_id) == 0


def test_a_message_appears_in_the_open_stream(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    with _stream(client, person) as chunks:
        notification_id = post(person, channel="IN_APP", content="Hello\nyou")
        deliver(notification_id)
        _, shown = _next(chunks)
    assert shown["id"] == str(notification_id)
    assert (shown["content"], shown["status"]) == ("Hello\nyou", "SENT")


def test_missed_events_are_replayed_in_order_and_once(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    ids = [delivered(post(person, channel="IN_APP", content=str(n))).id for n in range(4)]
    first = row(ids[0]).stream_id
    with _stream(client, person, Last_Event_ID=str(first)) as chunks:
        late = delivered(post(person, channel="IN_APP")).id
        seen = [_next(chunks) for _ in range(4)]
    assert [data["id"] for _, data in seen] == [str(notification_id) for notification_id in [*ids[1:], late]]
    positions = [position for position, _ in seen]
    assert positions == sorted(set(positions)) and positions[0] > (first or 0)


def test_a_stream_without_a_last_event_id_starts_now(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    delivered(post(person, channel="IN_APP"))
    with _stream(client, person) as chunks:
        assert ": keep-alive" in next(chunks)


def test_messages_of_other_users_do_not_appear(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person, other = as_user(), as_user()
    with _stream(client, person) as chunks:
        delivered(post(other, channel="IN_APP"))
        own_id = delivered(post(person, channel="IN_APP")).id
        assert _next(chunks)[1]["id"] == str(own_id)


def test_an_open_stream_holds_no_database_connection(client: FlaskClient, app: Flask, as_user: AsUser) -> None:
    people = [as_user() for _ in range(5)]
    db.session.rollback()
    with _stream(client, people[0]):
        before = db.engine.pool.checkedout()  # type: ignore[attr-defined]
        with _stream(client, people[1]), _stream(client, people[2]), _stream(client, people[3]):
            assert db.engine.pool.checkedout() == before  # type: ignore[attr-defined]


def test_a_stream_ends_with_its_session(client: FlaskClient, as_user: AsUser) -> None:
    person = as_user()
    with _stream(client, person) as chunks:
        with transaction():
            db.session.execute(db.update(Session).values(revoked_at=db.func.now()))
        revocation.announce_ended_sessions([cast(UUID, person.session_id)])
        seen = [chunk for _, chunk in zip(range(MOST_HEARTBEATS), chunks, strict=False)]
    assert len(seen) < MOST_HEARTBEATS, "it has not ended"
    assert [chunk for chunk in seen if chunk.startswith("id")] == []


def test_a_stream_ends_without_waiting_for_its_next_heartbeat(
    app: Flask, client: FlaskClient, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", TIMEOUT_SECONDS)
    person = as_user()

    def sign_out() -> None:
        with app.app_context():
            revocation.announce_ended_sessions([cast(UUID, person.session_id)])

    with _stream(client, person) as chunks:
        meanwhile = Timer(0.5, sign_out)
        meanwhile.start()
        assert list(chunks) == []
        meanwhile.join()


def test_an_invalid_last_event_id_is_rejected(client: FlaskClient, as_user: AsUser) -> None:
    answer = client.get(URL, headers=as_user().headers | {"Last-Event-ID": "7; DROP"})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_last_event_id")


def test_the_number_of_streams_per_user_is_limited(
    client: FlaskClient, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_streams, "STREAMS_PER_USER", 1)
    person = as_user()
    with _stream(client, person):
        assert client.get(URL, headers=person.headers).status_code == 429
    with _stream(client, person):
        pass


def test_positions_follow_the_order_of_commits(app: Flask, post: Post, as_user: AsUser) -> None:
    """Twelve concurrent workers: a position is visible only after every lower one."""
    person = as_user()
    ids = [post(person, channel="IN_APP", content=str(n)) for n in range(24)]
    seen: list[list[int]] = []

    def work(notification_ids: list[Any]) -> None:
        with app.app_context():
            for notification_id in notification_ids:
                deliver(notification_id)
                positions = db.session.scalars(db.select(Notification.stream_id))
                seen.append(sorted(position for position in positions if position is not None))
                db.session.rollback()

    workers = [Thread(target=work, args=(ids[n::12],)) for n in range(12)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    everything = max(seen, key=len)
    assert len(everything) == 24
    for positions in seen:
        assert positions == everything[: len(positions)], "a position was visible before a lower one"


def test_a_head_request_does_not_count_as_an_open_stream(client: FlaskClient, as_user: AsUser) -> None:
    person = as_user()
    for _ in range(open_streams.STREAMS_PER_USER + 1):
        answer = client.head(URL, headers=person.headers)
        assert answer.status_code == 200
        answer.close()  # as the WSGI server does, whether the body was read or not
    with _stream(client, person):
        pass


def test_a_backlog_over_the_limit_ends_the_stream_and_is_resumed(
    client: FlaskClient, post: Post, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_hub, "BACKLOG", 3)
    monkeypatch.setattr(stream_hub, "PAGE", 2)
    person = as_user()
    ids = [str(delivered(post(person, channel="IN_APP")).id) for _ in range(9)]
    seen, position = [], "0"
    for _ in range(9):
        with _stream(client, person, Last_Event_ID=position) as chunks:
            events = [chunk for _, chunk in zip(range(12), chunks, strict=False) if chunk.startswith("id:")]
        seen += [orjson.loads(event.split("data: ")[1])["id"] for event in events]
        position = events[-1].splitlines()[0].removeprefix("id: ") if events else position
    assert seen == ids


def _reset(client: FlaskClient, person: Any, last_event_id: int) -> dict[str, Any] | None:
    """The data of the event `reset`, if the stream begins with it."""
    response = client.get(URL, headers=person.headers | {"Last-Event-ID": str(last_event_id)})
    chunks = response.iter_encoded()
    opening, following = next(chunks).decode(), next(chunks).decode()
    response.close()
    if "event: reset" not in following:
        return None
    data: dict[str, Any] = orjson.loads(following.partition("data: ")[2])
    assert opening.startswith(f"id: {data['position']}\n") and following.startswith(f"id: {data['position']}\n")
    return data


@pytest.mark.parametrize("ahead", [1, 5, 10**17])
def test_a_position_in_the_future_resets_the_stream(
    client: FlaskClient, post: Post, as_user: AsUser, ahead: int
) -> None:
    person = as_user()
    assert _reset(client, person, ahead) == {"reason": "future", "requested": ahead, "position": 0}
    latest = delivered(post(person, channel="IN_APP")).stream_id or 0
    expected = {"reason": "future", "requested": latest + ahead, "position": latest}
    assert _reset(client, person, latest + ahead) == expected


def test_a_position_that_the_stream_never_sent_is_reported_before_what_follows(
    client: FlaskClient, post: Post, as_user: AsUser
) -> None:
    person, other = as_user(), as_user()
    first = delivered(post(person, channel="IN_APP")).stream_id or 0
    foreign = [delivered(post(other, channel="IN_APP")).stream_id or 0 for _ in range(3)]
    last = delivered(post(person, channel="IN_APP"))
    for position in foreign:
        assert _reset(client, person, position) == {"reason": "unknown", "requested": position, "position": position}
    with _stream(client, person, Last_Event_ID=str(foreign[0])) as chunks:
        assert "event: reset" in next(chunk for chunk in chunks if "event: " in chunk)
        assert _next(chunks)[1]["id"] == str(last.id)
    assert _reset(client, person, first) is None
