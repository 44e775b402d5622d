"""A 2xx status is the receipt of a delivery, whatever else the endpoint sends."""

from __future__ import annotations

import pytest

from heidi_common.database.models import utcnow
from heidi_services.integration import webhook_signing
from heidi_services.integration.service.deliveries.webhook_client import WebhookRequest, WebhookResponse, send_webhook
from tests.common.misbehaving_servers import RawServer

pytestmark = pytest.mark.usefixtures("app")
BODIES = {
    "unfinished": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthan",
    "longer than announced": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nthank you very much",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\nok",
    "length is a word": b"HTTP/1.1 202 Accepted\r\nContent-Length: many\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\nok",
    "chunk size is a word": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
    "no last chunk": b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "chunk breaks off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nok",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
    "not deflate": b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 5\r\n\r\n\xff\xff\xff\xff\xff",
    "unknown encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: zigzag\r\nContent-Length: 2\r\n\r\nok",
    "body of a 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nnope",
    "headers break off": b"HTTP/1.1 200 OK\r\nContent-Type: text/pl",
    "line without colon in the headers": b"HTTP/1.1 200 OK\r\nthanks\r\n\r\nok",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


def send(server: RawServer) -> WebhookResponse:
    request = WebhookRequest(server.url, [webhook_signing.generate_secret()], "msg_1", "{}")
    return send_webhook(request, utcnow())


@pytest.mark.parametrize("response", BODIES.values(), ids=BODIES)
def test_a_2xx_status_is_the_receipt_whatever_the_body_does(response: bytes) -> None:
    with RawServer(response) as server:
        result = send(server)
    assert result.ok, result
    assert (result.error, result.ambiguous) == (None, False)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
    ],
)
def test_an_endless_response_is_a_receipt_and_ends_after_the_time_for_bodies(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heidi_common.http_client.client.OPTIONAL_BODY_SECONDS", 0.2)
    monkeypatch.setattr("heidi_services.integration.service.deliveries.webhook_client.TIMEOUT_SECONDS", 3.0)
    with RawServer(head, drip=0.05) as server:
        result = send(server)
    assert result.ok, result


@pytest.mark.parametrize("status", [400, 410, 500, 503])
def test_the_status_of_a_failure_is_known_despite_a_broken_body(status: int) -> None:
    response = f"HTTP/1.1 {status} No\r\nRetry-After: 77\r\nContent-Length: 100\r\n\r\nbecause".encode()
    with RawServer(response) as server:
        result = send(server)
    assert (result.status_code, result.body, result.retry_after) == (status, "because", 77)
    assert not result.ambiguous


@pytest.mark.parametrize("response", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 200"[:10]])
def test_without_a_status_there_is_no_receipt(response: bytes) -> None:
    with RawServer(response) as server:
        result = send(server)
    assert not result.ok
    assert result.ambiguous


def test_a_connection_with_the_rest_of_a_body_is_not_used_again() -> None:
    with RawServer(BODIES["longer than announced"], responses=2) as server:
        assert [send(server).ok for _ in range(3)] == [True, True, True]
