"""NotifyListener: payloads arrive, outages are survived, and the handler learns that it may have missed some."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Set

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import func, select, text

from heidi_common.config.settings import Settings
from heidi_common.database import listener as listener_module
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.database.listener import NotifyListener
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from tests.polling import TIMEOUT_SECONDS, until

NAME = "listener under test"
CHANNELS = ("first_channel", "Second Channel")


def notify(payload: str, channel: str = CHANNELS[0]) -> None:
    with transaction():
        db.session.execute(select(func.pg_notify(channel, payload)))


def kill_connections() -> int:
    kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name"
    with transaction():
        return db.session.execute(text(kill), {"name": NAME}).scalar_one()


@pytest.fixture
def listener(app: Flask, settings: Settings) -> Iterator[NotifyListener]:
    listener = NotifyListener(settings.direct_database_url, *CHANNELS, name=NAME)
    yield listener
    listener.close()


def test_wait_returns_the_payloads_of_all_channels(listener: NotifyListener) -> None:
    assert listener.wait(0) == set(), "the first call connects"
    notify("a")
    notify("b", CHANNELS[1])
    payloads: set[str] = set()
    until(lambda: payloads.update(listener.wait(0.1)) or payloads == {"a", "b"})
    assert listener.wait(0) == set()


def test_a_lost_connection_raises_once(listener: NotifyListener) -> None:
    listener.wait(0)
    assert kill_connections() == 1
    until(lambda: has_failed(listener))
    listener.wait(0)
    notify("again")
    assert listener.wait(TIMEOUT_SECONDS) == {"again"}


def has_failed(listener: NotifyListener) -> bool:
    try:
        listener.wait(TIMEOUT_SECONDS)
    except psycopg2.Error:
        return True
    return False


def test_an_unresponsive_server_is_detected(listener: NotifyListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "CHECK_SECONDS", 0.0)
    listener.wait(0)
    listener._connection.close()
    listener._connection = SilentConnection()
    with pytest.raises(TimeoutError):
        listener.wait(0)


class SilentConnection:
    """A connection whose socket never becomes readable, because the server vanished without closing it."""

    def __init__(self) -> None:
        self.ends = socket.socketpair()

    def fileno(self) -> int:
        return self.ends[0].fileno()

    def cursor(self) -> object:
        raise TimeoutError

    def close(self) -> None:
        for end in self.ends:
            end.close()


def test_run_continues_after_an_outage_and_after_a_failed_handler(listener: NotifyListener) -> None:
    calls: list[Set[str] | None] = []
    stop = threading.Event()

    def handle(payloads: Set[str] | None) -> None:
        calls.append(payloads)
        if payloads == {"bad"}:
            raise ValueError("bad")

    def run() -> None:
        listener.run(handle, timeout=0.1, until=stop.is_set, max_pause=0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: calls[:1] == [None])
        notify("bad")
        until(lambda: calls.count(None) == 2)
        assert kill_connections() == 1
        until(lambda: calls.count(None) == 3)
        notify("good")
        until(lambda: {"good"} in calls)
    finally:
        stop.set()
        thread.join(TIMEOUT_SECONDS)
    assert listener._connection is None


@pytest.mark.parametrize("url", ["postgresql+psycopg2://a:b%40@h/d?host=/x", "postgresql://a:b%40@h/d?host=/x"])
def test_the_dsn_does_not_name_a_driver(url: str) -> None:
    assert psycopg2_dsn(url) == "postgresql://a:b%40@h/d?host=/x"
