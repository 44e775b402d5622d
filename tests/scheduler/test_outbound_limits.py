"""One host, user or schedule does not occupy all threads that wait for strangers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Barrier, Event, Thread
from uuid import UUID, uuid4

import pytest
from flask import Flask
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from heidi_common.database.session import db
from heidi_services.scheduler.service.runs import executor, manual_runs
from heidi_services.scheduler.service.runs.outbound_limits import MOST_AT_A_TIME, Key, OutboundSlots, keys_of
from tests.polling import TIMEOUT_SECONDS, until
from tests.scheduler.conftest import MakeSchedule, runs_of

HOST: Key = ("host", "a.test")


def test_slots_are_limited_for_each_key_and_given_back() -> None:
    slots = OutboundSlots()
    with ExitStack() as stack:
        users = (
            {HOST, ("user", "1")},
            {HOST, ("user", "2")},
            {HOST, ("user", "3")},
            {("host", "b.test"), ("user", "3")},
        )
        assert [stack.enter_context(slots.hold(keys)) for keys in users] == [True, True, False, True]
    with slots.hold({HOST}) as again:
        assert again


def test_a_failure_gives_the_slot_back() -> None:
    slots = OutboundSlots()
    for _ in range(MOST_AT_A_TIME + 1):
        with pytest.raises(ZeroDivisionError), slots.hold({HOST}) as is_free:
            assert is_free
            raise ZeroDivisionError


def test_concurrent_runs_never_exceed_the_limit() -> None:
    slots, start, accepted = OutboundSlots(), Barrier(8), []

    def hold() -> None:
        start.wait()
        with slots.hold({HOST}) as is_free:
            accepted.append(is_free)
            start.wait()

    threads = [Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accepted.count(True) == MOST_AT_A_TIME


@pytest.mark.parametrize(
    ("payload", "host"),
    [
        ({"url": "https://A.test:8443/x"}, "a.test"),
        ({"url": "http://user@[::1]/"}, "::1"),
        ({"url": "http://[broken"}, ""),
        ({}, ""),
        ([], ""),
    ],
    ids=str,
)
def test_the_host_of_a_run(payload: object, host: str) -> None:
    values = dict.fromkeys(executor.DueRun._fields) | {"payload": json.dumps(payload), "schedule_id": uuid4()}
    assert ("host", host) in keys_of(executor.DueRun(**values))


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A server that responds to several requests at the same time."""
    with HTTPServer(threaded=True) as server:
        yield server


def test_a_run_over_the_limit_is_postponed(app: Flask, schedule: MakeSchedule, server: HTTPServer) -> None:
    """Two slow runs hold the slots of a host; the third leaves its thread to others."""
    arrived, finish = [], Event()

    def respond(_request: Request) -> Response:
        arrived.append(1)
        finish.wait(TIMEOUT_SECONDS)
        return Response("")

    server.expect_request("/slow").respond_with_handler(respond)
    payload = {"url": server.url_for("/slow")}
    schedules = [schedule(action="http.request", payload=payload, timeout_seconds=60) for _ in range(3)]
    runs = [manual_runs.run_now(schedule_id, requested_by=uuid4()).id for schedule_id in schedules]

    def work(run_id: UUID) -> None:
        with app.app_context():
            executor.execute_run(run_id)
            db.session.remove()

    threads = [Thread(target=work, args=[run_id]) for run_id in runs[:2]]
    for thread in threads:
        thread.start()
    until(lambda: len(arrived) == 2)
    executor.execute_run(runs[2])
    (postponed,) = runs_of(schedules[2])
    assert (postponed.status, postponed.attempts) == ("QUEUED", 0)
    finish.set()
    for thread in threads:
        thread.join()
    assert [runs_of(schedule_id)[0].status for schedule_id in schedules[:2]] == ["SUCCEEDED"] * 2
