"""The router as its clients see it: real nginx, the real template, a small upstream server."""

import re
import socket
from pathlib import Path

import pytest
import requests

from heidi_services import SERVICES
from heidi_standalone.errors import StartupError
from heidi_standalone.servers.nginx import TEMPLATE, Router, render
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.standalone.conftest import RunningRouter, running

PREFIXES = {
    "/api/v1/auth/login": "auth",
    "/.well-known/jwks.json": "auth",
    "/verify-email": "auth",
    "/reset-password": "auth",
    "/api/v1/users": "users",
    "/api/v1/users/me": "users",
    "/api/v1/cities/nearby": "city",
    "/api/v1/core/status": "core",
    "/api/v1/core/events/stream": "core",
    "/api/v1/notifications": "notification",
    "/api/v1/notifications/stream": "notification",
    "/api/v1/integrations/1": "integration",
    "/api/v1/webhooks/stripe/1": "integration",
    **{f"/docs/{service}/openapi.json": service for service in SERVICES if service != "scheduler"},
}


@pytest.mark.parametrize(("path", "service"), PREFIXES.items())
def test_a_prefix_is_routed_to_its_service_and_the_path_is_not_rewritten(
    router: RunningRouter, path: str, service: str
) -> None:
    received = router.get(path + "?q=a%20b").json()
    assert (received["service"], received["path"]) == (service, path + "?q=a%20b")


def test_the_upstreams_are_the_services(router: RunningRouter) -> None:
    assert re.findall(r"upstream (\w+)", TEMPLATE.read_text()) == list(SERVICES)


@pytest.mark.parametrize(
    "path", ["/metrics", "/readyz", "/api/v1/authx", "/api/v1", "/docs/nothing/", "/api/v1/citiesx", "/x"]
)
def test_an_unknown_path_is_a_404_problem(router: RunningRouter, path: str) -> None:
    response = router.get(path + '?"secret"')
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "No service has an endpoint at this path.",
        "instance": path,
        "code": "not_found",
        "requestId": response.headers["X-Request-ID"],
    }


def test_a_service_that_is_down_is_a_503_with_retry_after(router: RunningRouter) -> None:
    response = router.get("/api/v1/schedules")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert (response.json()["status"], response.json()["code"]) == (503, "unavailable")


def test_an_error_of_a_service_is_passed_on_unchanged(router: RunningRouter) -> None:
    response = router.get("/api/v1/users?status=503&Retry-After=77")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "77")
    assert response.json()["service"] == "users"


def test_a_body_over_a_mebibyte_is_a_413_problem(router: RunningRouter) -> None:
    url = router.url + "/api/v1/users"
    assert requests.post(url, data=b"x" * (1 << 20), timeout=TIMEOUT_SECONDS).json()["size"] == 1 << 20
    response = requests.post(url, data=b"x" * ((1 << 20) + 1), timeout=TIMEOUT_SECONDS)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("request_text", "status", "code"),
    [
        ("GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        ("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
        (f"GET /{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (f"GET / HTTP/1.1\r\nHost: x\r\nX-Big: {'x' * 9000}\r\n\r\n", 431, "headers_too_large"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, "http_version"),
        ("POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400, "bad_request"),
        ("GET /api/v1/cities/search?q=Köln HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, "bad_request"),
    ],
)
def test_errors_of_nginx_are_problem_documents_too(
    router: RunningRouter, request_text: str, status: int, code: str
) -> None:
    with socket.create_connection(("127.0.0.1", router.port), TIMEOUT_SECONDS) as connection:
        connection.sendall(request_text.encode())
        text = b""
        while piece := connection.recv(65536):
            text += piece
            if b'"requestId"' in text:
                break
    response = text.decode()
    assert f" {status} " in response.splitlines()[0]
    assert "application/problem+json" in response
    assert f'"code":"{code}"' in response
    assert "X-Content-Type-Options: nosniff" in response
    assert ("Allow: GET" in response) == (status == 405)


@pytest.mark.parametrize("request_id", ["abc-123", "019ab2c1-7a7e-7000-8000-000000000000", "trace:1.2_3"])
def test_a_valid_request_id_is_passed_to_the_service_and_back(router: RunningRouter, request_id: str) -> None:
    response = router.get("/api/v1/users", headers={"X-Request-ID": request_id})
    assert response.headers["X-Request-ID"] == request_id
    assert response.json()["headers"]["X-Request-ID"] == [request_id]


@pytest.mark.parametrize("request_id", ["", "a b", 'x"y', "x" * 129, "a,b", "<script>", "-x"])
def test_an_invalid_request_id_is_replaced(router: RunningRouter, request_id: str) -> None:
    response = router.get("/api/v1/users", headers={"X-Request-ID": request_id})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert response.json()["headers"]["X-Request-ID"] == [response.headers["X-Request-ID"]]


def test_a_client_cannot_forge_its_address(router: RunningRouter) -> None:
    headers = {
        "X-Forwarded-For": "8.8.8.8",
        "X-Forwarded-Host": "evil",
        "Forwarded": "for=8.8.8.8",
        "X-Real-IP": "8.8.8.8",
    }
    received = router.get("/api/v1/users", headers=headers).json()["headers"]
    assert received["X-Forwarded-For"] == ["127.0.0.1"]
    assert received["X-Forwarded-Proto"] == ["http"]
    assert not {"X-Forwarded-Host", "Forwarded", "X-Real-IP"} & received.keys()
    assert received["Host"] == [f"127.0.0.1:{router.port}"]


@pytest.mark.parametrize("path", ["/api/v1/users", "/healthz", "/nothing", "/api/v1/schedules"])
def test_every_response_has_the_security_headers_once(router: RunningRouter, path: str) -> None:
    headers = router.get(path).raw.headers
    for name in (
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "Content-Security-Policy",
        "X-Request-ID",
    ):
        assert len(headers.getlist(name)) == 1, name
    assert headers["Server"] == "nginx"


def test_a_header_the_service_sets_is_not_doubled(router: RunningRouter) -> None:
    headers = router.get("/api/v1/users?X-Frame-Options=SAMEORIGIN&Referrer-Policy=origin").raw.headers
    assert headers.getlist("X-Frame-Options") == ["SAMEORIGIN"]
    assert headers.getlist("Referrer-Policy") == ["origin"]


def test_a_public_city_read_is_cached_as_long_as_the_service_allows(router: RunningRouter) -> None:
    path = "/api/v1/cities/hot?Cache-Control=public,max-age=600&RateLimit=r=1&Server-Timing=app;dur=1"
    first, second = router.get(path), router.get(path)
    assert first.json() == second.json()
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert (first.headers["RateLimit"], second.headers.get("RateLimit")) == ("r=1", None)
    assert (first.headers["Server-Timing"], second.headers["Server-Timing"]) == ("app;dur=1", 'cache;desc="hit"')
    brief = path.replace("hot", "brief").replace("max-age=600", "max-age=1")
    first = router.get(brief)
    until(lambda: router.get(brief).json()["number"] > first.json()["number"])


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/cities/silent", {}),
        ("/api/v1/cities/private?Cache-Control=private", {}),
        ("/api/v1/cities/signed?Cache-Control=max-age=9", {"Authorization": "Bearer x"}),
        ("/api/v1/cities/missing?status=404", {}),
        ("/api/v1/users?Cache-Control=max-age=9", {}),
    ],
)
def test_nothing_else_is_cached(router: RunningRouter, path: str, headers: dict[str, str]) -> None:
    first, second = router.get(path, headers=headers), router.get(path, headers=headers)
    assert second.json()["number"] > first.json()["number"]


def test_json_and_geojson_of_one_path_are_cached_separately(router: RunningRouter) -> None:
    path = "/api/v1/cities/both?Cache-Control=max-age=600"
    plain = router.get(path, headers={"Accept": "application/json"}).json()
    shapes = router.get(path, headers={"Accept": "application/geo+json"}).json()
    assert plain["headers"]["Accept"] != shapes["headers"]["Accept"]


def test_large_json_is_compressed(router: RunningRouter) -> None:
    response = router.get("/api/v1/users?padding=5000", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" not in response.json()["headers"]


def test_an_address_that_sends_too_many_requests_gets_429(tmp_path: Path) -> None:
    nginx = Router(tmp_path / "nginx", free_port(), dict.fromkeys(SERVICES, f"127.0.0.1:{free_port()}"))
    nginx.prepare(exempts_loopback=False)
    config = nginx.config.read_text()
    assert "rate=600r/m" in config
    # The rate is low, so that a slow machine does not matter.
    nginx.config.write_text(config.replace("burst=600", "burst=5").replace("rate=600r/m", "rate=1r/m"))
    with running(nginx) as counted, requests.Session() as session:
        responses = [session.get(counted.url + "/api/v1/users", timeout=TIMEOUT_SECONDS) for _ in range(7)]
    assert [response.status_code for response in responses] == [503] * 6 + [429]
    assert (responses[-1].headers["Retry-After"], responses[-1].json()["code"]) == ("1", "too_many_requests")


def test_local_clients_are_not_limited(router: RunningRouter) -> None:
    with requests.Session() as session:
        assert {session.get(router.url + "/healthz", timeout=TIMEOUT_SECONDS).status_code for _ in range(700)} == {200}


def test_every_variable_of_the_template_needs_a_value(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("listen ${LISTEN} $request_id ${WORKERS};\n")
    with pytest.raises(StartupError, match="LISTEN"):
        render({}, template)
    values = {"LISTEN": "[::1]:80 & \\1", "WORKERS": "2"}
    assert render(values, template) == "listen [::1]:80 & \\1 $request_id 2;\n"
