"""Events whose statement does not notify the relay wake it after their commit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import create_engine

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import relay_wakeup
from heidi_common.messaging.outbox import OUTBOX_CHANNEL
from heidi_common.messaging.relay_wakeup import RelayWaker, wake_relay
from tests.polling import TIMEOUT_SECONDS, until


@contextmanager
def _listening(settings: Settings) -> Iterator[psycopg2.extensions.connection]:
    url = settings.database_url.replace("postgresql+psycopg2://", "postgresql://")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    connection.cursor().execute(f"LISTEN {OUTBOX_CHANNEL}")
    try:
        yield connection
    finally:
        connection.close()


def _is_notified(connection: psycopg2.extensions.connection) -> bool:
    connection.poll()
    return bool(connection.notifies)


def test_the_relay_is_notified(app: Flask, settings: Settings) -> None:
    with _listening(settings) as connection:
        wake_relay()
        until(lambda: _is_notified(connection))


def test_the_relay_is_notified_after_the_commit(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bool] = []
    monkeypatch.setattr(RelayWaker, "wake", lambda _self: requests.append(True))
    with transaction():
        wake_relay()
        assert requests == []
    assert requests == [True]
    with pytest.raises(ZeroDivisionError), transaction():
        wake_relay()
        raise ZeroDivisionError
    assert requests == [True], "nothing was emitted"


def test_a_request_during_a_notification_causes_another(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is committed after the notification began may have missed it."""
    waker, started, release, sent = RelayWaker(db.engine), threading.Event(), threading.Event(), list[int]()

    def notify() -> None:
        sent.append(1)
        started.set()
        release.wait(TIMEOUT_SECONDS)

    monkeypatch.setattr(waker, "_notify", notify)
    waker.wake()
    assert started.wait(TIMEOUT_SECONDS)
    for _ in range(5):
        waker.wake()
    release.set()
    until(lambda: len(sent) == 2)
    until(lambda: not waker._is_requested)
    assert len(sent) == 2, "the five requests share one notification"


def test_a_result_waits_for_others_unless_an_urgent_event_follows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_wakeup, "RESULTS_PAUSE_SECONDS", 10 * TIMEOUT_SECONDS)
    waker, sent = RelayWaker(db.engine), list[int]()
    monkeypatch.setattr(waker, "_notify", lambda: sent.append(1))
    waker.wake_for_result()
    until(lambda: len(sent) == 1)
    waker.wake_for_result()
    assert len(sent) == 1
    waker.wake()
    until(lambda: len(sent) == 2)
    assert not waker._is_requested, "the result shares the notification"


def test_an_unavailable_database_does_not_end_the_thread(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    waker, calls = RelayWaker(create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none")), list[int]()
    notify = waker._notify

    def counted() -> None:
        calls.append(1)
        notify()

    monkeypatch.setattr(waker, "_notify", counted)
    for number in (1, 2):
        waker.wake()
        until(lambda: len(calls) == number and not waker._is_requested)  # noqa: B023


def test_the_thread_ends_without_events_and_starts_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_wakeup, "IDLE_SECONDS", 0.05)
    waker, sent = RelayWaker(db.engine), list[int]()
    monkeypatch.setattr(waker, "_notify", lambda: sent.append(1))
    for number in (1, 2):
        waker.wake()
        until(lambda: len(sent) == number and waker._thread is None)  # noqa: B023
