"""Server-Sent Events: the bytes on the wire, and the end of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, Response

from heidi_common.interceptors import event_stream
from heidi_common.interceptors.event_stream import ServerSentEvent, StreamStart, last_event_id, stream_response
from heidi_common.problems import BadRequest
from heidi_common.server import shutdown

EVENT = ServerSentEvent(8, "city.created", '{"a":1}')


def body(response: Response) -> list[str]:
    return [chunk.decode() for chunk in response.iter_encoded()]


def test_an_event_is_written_with_id_type_and_data() -> None:
    response = stream_response(StreamStart(7), [EVENT], lambda: True, keep_alive="alive")
    assert body(response) == ["id: 7\nretry: 2000\n\n", 'id: 8\nevent: city.created\ndata: {"a":1}\n\n']
    headers = response.headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")


def test_the_opening_may_have_a_comment() -> None:
    response = stream_response(StreamStart(7), [], lambda: True, keep_alive="alive", opening_comment="open")
    assert body(response) == ["id: 7\nretry: 2000\n: open\n\n"]


def test_a_quiet_stream_gets_comments_only_when_it_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = [None, None]
    assert len(body(stream_response(StreamStart(7), quiet, lambda: True, keep_alive="alive"))) == 1
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.0)
    assert body(stream_response(StreamStart(7), quiet, lambda: True, keep_alive="alive"))[1:] == [": alive\n\n"] * 2


def test_nothing_is_written_once_the_token_is_invalid() -> None:
    results = iter([True, False])
    response = stream_response(StreamStart(7), [EVENT] * 3, lambda: next(results), keep_alive="alive")
    assert body(response)[1:] == [str(EVENT)]


def test_a_stream_ends_when_the_process_stops() -> None:
    def events() -> Iterator[ServerSentEvent]:
        yield EVENT
        shutdown.requested.set()
        yield EVENT

    try:
        assert body(stream_response(StreamStart(7), events(), lambda: True, keep_alive="alive"))[1:] == [str(EVENT)]
    finally:
        shutdown.requested.clear()


def test_a_response_that_is_never_read_is_closed_too() -> None:
    closed: list[str] = []
    stream_response(
        StreamStart(7), [EVENT], lambda: True, keep_alive="alive", on_close=lambda: closed.append("yes")
    ).close()
    assert closed == ["yes"]


@pytest.mark.parametrize(("header", "expected"), [(None, None), ("", None), ("0", 0), ("123", 123)])
def test_the_last_event_id_is_read(header: str | None, expected: int | None) -> None:
    headers = {} if header is None else {"Last-Event-ID": header}
    with Flask("x").test_request_context(headers=headers):
        assert last_event_id() == expected


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "9" * 19])
def test_a_last_event_id_that_no_stream_sends_is_rejected(header: str) -> None:
    with Flask("x").test_request_context(headers={"Last-Event-ID": header}), pytest.raises(BadRequest):
        last_event_id()
