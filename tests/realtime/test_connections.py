"""Opening a connection, its first message, its end, and what a client may not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import text
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session
from heidi_common.interceptors import open_streams
from heidi_common.jwt import tokens
from heidi_common.messaging.events import CustomEvent
from heidi_common.redis.client import redis_client
from heidi_realtime import client as client_module
from tests.conftest import SignedIn
from tests.core.test_events import publish
from tests.core.test_stream import notify
from tests.polling import TIMEOUT_SECONDS, until
from tests.realtime.conftest import Running, Socket, token_of
from tests.realtime.test_channels import publish_users

AsUser = Callable[..., SignedIn]
Connect = Callable[..., Socket]


INVALID_TOKENS = ("x", "a b", "x\r\nX-Evil: 1", "ü", "eyJhbGciOiJub25lIn0.e30.")


def test_an_invalid_token_closes_the_connection(realtime: Running, connect_to: Connect) -> None:
    for token in INVALID_TOKENS:
        socket = connect_to(realtime)
        response = socket.ask(op="authenticate", token=token, ref="1")
        assert (response["op"], response["ref"], response["problem"]["status"]) == ("error", "1", 401)
        assert socket.close_code() == 4001


FRAMES = (
    "",
    "x",
    "[]",
    "1",
    "{}",
    '{"op":"ping"}',
    '{"op":"fly"}',
    '{"op":"authenticate"}',
    '{"op":"ping","op":"ping"}',
    b"{}",
)


def test_the_first_message_must_sign_in(realtime: Running, connect_to: Connect) -> None:
    for frame in FRAMES:
        socket = connect_to(realtime)
        socket.connection.send(frame)
        assert socket.receive()["problem"]["status"] in (400, 401, 422), frame
        assert socket.close_code() in (4000, 4001), frame


def test_a_client_that_stays_silent_is_disconnected(
    realtime: Running, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SIGN_IN_SECONDS", 0.1)
    assert connect_to(realtime).close_code() == 4001


MISTAKES = (*FRAMES[:4], '{"op":"subscribe"}', '{"op":"ping","x":1}', '{"op":"ping","ref":"\\ud800"}')


def test_later_mistakes_leave_the_connection_open(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    socket = connect_to(realtime, as_user())
    for frame in MISTAKES:
        socket.connection.send(frame)
        assert socket.receive()["op"] == "error", frame
    assert socket.ask(op="ping") == {"op": "pong"}


def test_a_message_that_is_too_large_closes_the_connection(
    realtime: Running, connect_to: Connect, as_user: AsUser
) -> None:
    socket = connect_to(realtime, as_user())
    socket.connection.send(json.dumps({"op": "ping", "ref": "x" * 65_536}))
    assert socket.close_code() == 1009


def test_signing_out_closes_the_connection(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    user, other = as_user(), as_user()
    socket, staying = connect_to(realtime, user), connect_to(realtime, other)
    with transaction():
        db.session.delete(db.session.get_one(Session, user.session_id))
    redis_client().flushall()
    assert socket.close_code() == 4001
    assert staying.ask(op="ping") == {"op": "pong"}


def test_a_token_can_be_renewed_by_its_caller_only(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    user = as_user()
    socket = connect_to(realtime, user)
    assert socket.ask(op="authenticate", token=token_of(user))["id"] == str(user.user.id)
    problem = socket.ask(op="authenticate", token=token_of(as_user()))["problem"]
    assert (problem["status"], problem["code"]) == (409, "other_caller")


def test_an_expired_token_closes_the_connection_unless_it_was_renewed(
    realtime: Running, connect_to: Connect, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = as_user()
    claims = {"sid": str(user.session_id), "ver": user.user.token_version, "role": "USER", "scope": ""}
    monkeypatch.setattr(tokens, "LEEWAY_SECONDS", 0)
    expiring, renewed = connect_to(realtime), connect_to(realtime)
    short = tokens.sign(str(user.user.id), "access", claims, seconds=3)
    for socket in (expiring, renewed):
        socket.ask(op="authenticate", token=short)
    assert renewed.ask(op="authenticate", token=token_of(user))["op"] == "authenticated"
    assert expiring.close_code() == 4001
    assert renewed.ask(op="ping") == {"op": "pong"}


def test_the_token_is_not_accepted_in_the_url(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    with connect(f"{realtime.url}?token={token_of(as_user())}", open_timeout=TIMEOUT_SECONDS) as connection:
        connection.send('{"op":"subscribe","channel":"inbox"}')
        assert json.loads(connection.recv(TIMEOUT_SECONDS))["problem"]["status"] == 401


ALLOWED = (None, "https://app.example", "http://heidi.test")
REJECTED = (
    "https://evil.example",
    "null",
    "http://app.example",
    "https://app.example.evil.example",
    "https://app.example:444",
)


def test_origins(start_realtime: Any, connect_to: Connect, as_user: AsUser) -> None:
    running = start_realtime(cors_origins=("https://app.example",))
    user = as_user()
    for origin in (*ALLOWED, f"http://127.0.0.1:{running.port}"):
        assert connect_to(running, user, origin=origin).ask(op="ping") == {"op": "pong"}
    for origin in REJECTED:
        with pytest.raises(InvalidStatus) as error:
            connect_to(running, origin=origin)
        assert error.value.response.status_code == 403
        assert json.loads(error.value.response.body or b"")["code"] == "origin"


def test_plain_requests(realtime: Running) -> None:
    base = f"http://127.0.0.1:{realtime.port}"
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/api/v1/realtime", 426), ("/elsewhere", 404)):
        response = requests.get(base + path, timeout=TIMEOUT_SECONDS)
        assert response.status_code == status, path
        assert response.json()
    metrics = requests.get(f"{base}/metrics", timeout=TIMEOUT_SECONDS)
    assert "heidi_realtime_sockets" in metrics.text


def test_the_sockets_of_a_caller_are_limited(
    realtime: Running, connect_to: Connect, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_streams, "STREAMS_PER_USER", 2)
    user = as_user()
    first, _second = connect_to(realtime, user), connect_to(realtime, user)
    third = connect_to(realtime)
    assert third.ask(op="authenticate", token=token_of(user))["problem"]["status"] == 429
    assert third.close_code() == 4029
    connect_to(realtime, as_user())
    first.close()

    def has_room() -> bool:
        socket = connect_to(realtime)
        return bool(socket.ask(op="authenticate", token=token_of(user))["op"] == "authenticated")

    until(has_room)


def test_messages_count_towards_the_limit_of_the_caller(
    start_realtime: Any, connect_to: Connect, as_user: AsUser
) -> None:
    running = start_realtime(throttle_user_per_minute=20, environment="production")
    socket = connect_to(running, as_user())
    statuses = []
    for _ in range(60):  # the minute may change once
        response = socket.ask(op="subscribe", channel="inbox")
        statuses.append(response.get("problem", {}).get("status"))
        if response["op"] == "subscribed":
            socket.ask(op="unsubscribe", channel="inbox")
    assert 429 in statuses


def test_a_forbidden_channel_is_audited(
    client: FlaskClient, realtime: Running, connect_to: Connect, as_user: AsUser
) -> None:
    user = as_user()
    assert connect_to(realtime, user).ask(op="subscribe", channel="events:*")["problem"]["status"] == 403
    db.session.rollback()
    rows = client.get("/api/v1/auth/audit", headers=as_user(Role.ADMIN).headers).get_json()["data"]
    assert str(user.user.id) in {row["actor"] for row in rows}


def test_a_slow_client_is_disconnected_and_resumes_without_a_gap(
    realtime: Running, connect_to: Connect, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SLOW_SECONDS", 0.5)
    admin = as_user(Role.ADMIN)
    slow = connect_to(realtime, admin, max_queue=1)
    slow.subscribe("events:*")
    published: list[str] = []

    def is_dropped() -> bool:
        large = [CustomEvent(id=uuid4(), name="custom.x", payload={"text": "x" * 50_000}) for _ in range(50)]
        published.extend(publish(*large))
        notify()
        return all(client._closing.done() for client in realtime.server.clients)

    until(is_dropped)
    received = slow.remaining()
    assert slow.connection.close_code == 4008
    ids = [message["data"]["id"] for message in received]
    assert ids == published[: len(ids)]
    again = connect_to(realtime, admin)
    again.subscribe("events:*", lastEventId=received[-1]["id"])
    rest = [again.receive()["data"]["id"] for _ in published[len(ids) :]]
    assert ids + rest == published


def test_a_stopped_role_closes_its_sockets_and_they_resume_at_another(
    start_realtime: Any, connect_to: Connect, as_user: AsUser
) -> None:
    admin = as_user(Role.ADMIN)
    publish_users()
    first, second = start_realtime(), start_realtime()
    socket = connect_to(first, admin)
    start = socket.subscribe("events:*")["id"]
    first.stop()
    assert socket.close_code() == 1001
    ids = publish_users(3)
    again = connect_to(second, admin)
    again.subscribe("events:*", lastEventId=start)
    assert [again.receive()["data"]["id"] for _ in ids] == ids


def test_many_sockets_share_connections(realtime: Running, connect_to: Connect, as_user: AsUser) -> None:
    admin = as_user(Role.ADMIN)
    opened = [connect_to(realtime, admin) for _ in range(open_streams.STREAMS_PER_USER)]
    for socket in opened:
        socket.subscribe("inbox")
        socket.subscribe("events:*")
    (event,) = publish_users()
    assert {socket.receive()["data"]["id"] for socket in opened} == {event}
    names = ("event log", "notification-stream")
    statement = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY(:names)")
    assert db.session.execute(statement, {"names": [*names]}).scalar_one() < len(opened)
