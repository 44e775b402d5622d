import gzip
import ssl
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from heidi_common.http_client.client import HttpClient
from heidi_common.http_client.errors import BlockedURLError, ConnectFailed, ConnectionLost, ResponseTooLarge, TimedOut
from heidi_common.logger.request_id import bound_request_id
from tests.common.misbehaving_servers import RawServer, create_certificate
from tests.polling import TIMEOUT_SECONDS, until

LOOPBACK = (ip_network("127.0.0.0/8"),)
PUBLIC = "93.184.215.14"


@pytest.fixture
def open_client() -> HttpClient:
    """A client that may call this machine, as in a private installation."""
    return HttpClient(LOOPBACK)


INTERNAL_URLS = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://LOCALHOST:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://017700000001:{port}/",
    "http://127.1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://10.0.0.1/",
    "http://①②⑦.⓪.⓪.①:{port}/",
]


@pytest.mark.parametrize("url", INTERNAL_URLS)
def test_no_spelling_of_an_internal_address_is_called(url: str, httpserver: HTTPServer) -> None:
    with pytest.raises((BlockedURLError, ConnectFailed)) as error:
        HttpClient().request("GET", url.format(port=httpserver.port), timeout=TIMEOUT_SECONDS)
    assert httpserver.log == []
    if "%25" not in url and "localhost." not in url:  # unknown to some systems' resolvers
        assert isinstance(error.value, BlockedURLError)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "//example.org/",
        "example.org",
        "",
        "http://",
        "http:///path",
        "http://user:secret@example.org/",
        "http://user@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org:99999/",
        "http://example.org:port/",
        "http://[::1/",
        "http://exam ple.org/",
        "http://example.org/\r\nX-Evil: 1",
        "http://example.org/\x00",
    ],
)
def test_a_url_that_is_not_plain_http_is_blocked_without_resolving_it(url: str) -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise AssertionError("resolved")

    with pytest.raises(BlockedURLError):
        HttpClient(resolver=resolver).request("GET", url)
    assert HttpClient(resolver=resolver).url_error(url)


@pytest.mark.parametrize("url", INTERNAL_URLS)
def test_an_internal_address_has_a_url_error_unless_its_network_is_allowed(url: str) -> None:
    url = url.format(port=80)
    assert HttpClient().url_error(url) == "The address is not on the public internet."
    assert HttpClient((ip_network("0.0.0.0/0"), ip_network("::/0"))).url_error(url) is None


@pytest.mark.parametrize(
    "url", ["https://example.org/", f"http://{PUBLIC}:8080/a?b=c", "http://[2606:4700:4700::1111]/"]
)
def test_names_and_public_addresses_have_no_url_error(url: str) -> None:
    assert HttpClient().url_error(url) is None


def test_a_name_that_changes_its_address_after_the_check_is_still_blocked(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = iter([[PUBLIC], ["127.0.0.1"]])
    connected: list[str] = []

    def connect(address: tuple[str, int], *args: object, **kwargs: object) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr("heidi_common.http_client.sockets.create_connection", connect)
    client = HttpClient(resolver=lambda host, port: next(resolved))
    with pytest.raises(ConnectFailed):
        client.request("GET", f"http://evil.test:{httpserver.port}/")
    assert connected == [PUBLIC]  # the checked address, without resolving the name again
    with pytest.raises(BlockedURLError):
        client.request("GET", f"http://evil.test:{httpserver.port}/")
    assert connected == [PUBLIC]


def test_only_the_allowed_ones_of_several_addresses_are_called(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("hello")
    mixed = HttpClient(LOOPBACK, resolver=lambda host, port: ["::1", "10.0.0.1", "127.0.0.1"])
    assert mixed.request("GET", f"http://host.test:{httpserver.port}/").text == "hello"


def test_a_connection_of_a_trusted_call_is_not_used_for_a_guarded_one(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("inside")
    client = HttpClient()
    assert client.request("GET", httpserver.url_for("/"), trusted=True).text == "inside"
    with pytest.raises(BlockedURLError):
        client.request("GET", httpserver.url_for("/"))


def test_redirects_are_returned_and_not_followed(httpserver: HTTPServer, open_client: HttpClient) -> None:
    httpserver.expect_request("/").respond_with_data(status=302, headers={"Location": "http://127.0.0.1:1/"})
    assert open_client.request("GET", httpserver.url_for("/")).status_code == 302
    assert len(httpserver.log) == 1


def test_proxies_and_netrc_of_the_environment_are_ignored(
    httpserver: HTTPServer, open_client: HttpClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    httpserver.expect_request("/").respond_with_data("direct")
    assert open_client.request("GET", httpserver.url_for("/")).text == "direct"
    assert "Authorization" not in httpserver.log[0][0].headers


def test_cookies_of_a_response_are_not_sent_with_the_next_call(httpserver: HTTPServer, open_client: HttpClient) -> None:
    httpserver.expect_request("/").respond_with_data(headers={"Set-Cookie": "a=b"})
    open_client.request("GET", httpserver.url_for("/"))
    open_client.request("GET", httpserver.url_for("/"))
    assert "Cookie" not in httpserver.log[1][0].headers


def test_the_request_id_is_sent(httpserver: HTTPServer, open_client: HttpClient) -> None:
    httpserver.expect_request("/").respond_with_data()
    with bound_request_id("request-4711"):
        open_client.request("POST", httpserver.url_for("/"), json={"a": 1}, headers={"X-Own": "1"})
    sent = httpserver.log[0][0]
    assert (sent.headers["X-Request-ID"], sent.headers["X-Own"]) == ("request-4711", "1")
    assert sent.get_json() == {"a": 1}


def test_connections_are_reused(httpserver: HTTPServer) -> None:
    texts: list[object] = []
    raw_server = RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", responses=3)
    with raw_server:
        client = HttpClient(LOOPBACK)
        for _ in range(3):
            texts.append(client.request("GET", raw_server.url).text)
    assert raw_server.connections == 1 and texts == ["ok"] * 3


def test_a_response_over_the_limit_is_an_error_or_truncated(httpserver: HTTPServer, open_client: HttpClient) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 100_000)
    url = httpserver.url_for("/")
    with pytest.raises(ResponseTooLarge):
        open_client.request("GET", url, max_bytes=99_999)
    assert open_client.request("GET", url, max_bytes=20_000, truncate=True).content == b"x" * 20_000
    assert len(open_client.request("GET", url, max_bytes=100_000).content) == 100_000


def test_a_small_response_that_decompresses_to_a_large_one_is_stopped(
    httpserver: HTTPServer, open_client: HttpClient
) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    httpserver.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(ResponseTooLarge):
        open_client.request("GET", httpserver.url_for("/"))


def test_a_response_that_cannot_be_decompressed_is_a_lost_connection(
    httpserver: HTTPServer, open_client: HttpClient
) -> None:
    httpserver.expect_request("/").respond_with_data(b"not gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(ConnectionLost) as error:
        open_client.request("GET", httpserver.url_for("/"))
    assert error.value.ambiguous


# Enough time to send the request, even on a machine that is busy with other tests.
ENOUGH_TO_SEND = 3.0


def test_a_slow_response_times_out_and_is_ambiguous(httpserver: HTTPServer, open_client: HttpClient) -> None:
    given_up = threading.Event()

    def wait(request: Request) -> Response:
        given_up.wait(TIMEOUT_SECONDS)
        return Response()

    httpserver.expect_request("/").respond_with_handler(wait)
    with pytest.raises(TimedOut) as error:
        open_client.request("POST", httpserver.url_for("/"), timeout=ENOUGH_TO_SEND)
    given_up.set()
    assert error.value.ambiguous
    until(lambda: httpserver.log)  # the server logs it late: wait, so that it is not logged during the next test


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_byte_now_and_then_does_not_extend_the_time_limit(head: bytes, open_client: HttpClient) -> None:
    with RawServer(head, drip=0.05) as raw_server, pytest.raises(TimedOut) as error:
        open_client.request("GET", raw_server.url, timeout=ENOUGH_TO_SEND)
    assert error.value.ambiguous


def test_a_name_server_that_never_responds_does_not_block_the_call() -> None:
    given_up = threading.Event()
    late: list[bool] = []

    def resolver(host: str, port: int) -> list[str]:
        late.append(given_up.wait(TIMEOUT_SECONDS))
        return []

    with pytest.raises(TimedOut) as error:
        HttpClient(resolver=resolver).request("GET", "http://slow.test/", timeout=0.2)
    given_up.set()
    assert not error.value.ambiguous
    until(lambda: late == [True])


def test_refused_connections_and_unknown_names_are_not_ambiguous(open_client: HttpClient) -> None:
    with pytest.raises(ConnectFailed) as error:
        open_client.request("GET", "http://127.0.0.1:1/")
    assert not error.value.ambiguous

    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(ConnectFailed, match="cannot be resolved"):
        HttpClient(resolver=unknown).request("GET", "http://nowhere.test/")


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"garbage\r\n\r\n"])
def test_a_connection_that_breaks_after_the_request_is_ambiguous(response: bytes, open_client: HttpClient) -> None:
    with RawServer(response) as raw_server, pytest.raises(ConnectionLost) as error:
        open_client.request("POST", raw_server.url, json={"pay": 1})
    assert error.value.ambiguous
    assert raw_server.connections == 1  # the request is not repeated


def test_headers_that_would_split_the_request_are_blocked(open_client: HttpClient) -> None:
    with pytest.raises(BlockedURLError):
        open_client.request("GET", "http://127.0.0.1:1/", headers={"X": "a\r\nY: b"})


def test_tls_verifies_the_name_while_connecting_to_the_checked_address(tmp_path: Path) -> None:
    pem = create_certificate(tmp_path, "hooks.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    requested_names: list[str | None] = []
    context.sni_callback = lambda sock, name, ctx: requested_names.append(name)
    with HTTPServer(ssl_context=context) as server:
        server.expect_request("/").respond_with_data("encrypted")
        client = HttpClient(LOOPBACK, resolver=lambda host, port: ["127.0.0.1"], ca_file=str(pem))
        assert client.request("GET", f"https://hooks.test:{server.port}/").text == "encrypted"
        with pytest.raises(ConnectFailed, match="TLS"):
            client.request("GET", f"https://other.test:{server.port}/")
        with pytest.raises(ConnectFailed, match="TLS"):
            HttpClient(LOOPBACK).request("GET", f"https://127.0.0.1:{server.port}/")
    assert requested_names[:2] == ["hooks.test", "other.test"]
