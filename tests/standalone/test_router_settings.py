"""The router follows the settings of the platform: limits, trusted proxies and HSTS."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests

from heidi_services import SERVICES
from heidi_standalone.errors import StartupError
from heidi_standalone.home.home import Home
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import Ports
from heidi_standalone.servers.nginx import LOOPBACK, Router
from tests.polling import TIMEOUT_SECONDS
from tests.ports import free_port
from tests.standalone.conftest import RunningRouter, running


@pytest.fixture
def configured(upstreams: dict[str, str], tmp_path: Path) -> Callable[..., AbstractContextManager[RunningRouter]]:
    """Runs the router with settings, as it is behind a proxy: clients on this machine are limited like all others."""

    def run(**settings: str) -> AbstractContextManager[RunningRouter]:
        nginx = Router(tmp_path / "nginx", free_port(), upstreams, settings)
        nginx.prepare(exempts_loopback=False)
        return running(nginx)

    return run


def test_the_size_of_a_body_follows_its_setting(configured) -> None:
    with configured(MAX_BODY_BYTES="2000") as router:
        url = router.url + "/api/v1/users"
        assert requests.post(url, data=b"x" * 2000, timeout=TIMEOUT_SECONDS).status_code == 200
        rejected = requests.post(url, data=b"x" * 2001, timeout=TIMEOUT_SECONDS)
    assert (rejected.status_code, rejected.json()["detail"]) == (413, "The body must not exceed 2000 bytes.")


@pytest.mark.parametrize("path", ["/api/v1/webhooks/stripe/1", "/api/v1/notifications/receipts/sendgrid"])
@pytest.mark.parametrize(("users", "providers", "limit"), [("2000", "3000", 3000), ("2000", "1000", 2000)])
def test_receivers_of_webhooks_have_a_limit_of_their_own(
    configured, path: str, users: str, providers: str, limit: int
) -> None:
    with configured(MAX_BODY_BYTES=users, MAX_WEBHOOK_BYTES=providers) as router:
        assert requests.post(router.url + path, data=b"x" * limit, timeout=TIMEOUT_SECONDS).status_code == 200
        rejected = requests.post(router.url + path, data=b"x" * (limit + 1), timeout=TIMEOUT_SECONDS)
        other = requests.post(router.url + "/api/v1/integrations", data=b"x" * 2001, timeout=TIMEOUT_SECONDS)
    assert (rejected.status_code, rejected.json()["detail"]) == (413, f"The body must not exceed {limit} bytes.")
    assert other.status_code == 413


def test_the_time_of_a_request_follows_its_setting(configured) -> None:
    with configured(REQUEST_TIME_LIMIT="1") as router:
        rejected = router.get("/api/v1/users?sleep=3")
    assert (rejected.status_code, rejected.json()["code"]) == (503, "time_limit")


@pytest.mark.parametrize(("limit", "accepted"), [("3", 4), ("0", 12)])
def test_the_rate_of_an_address_follows_its_setting(configured, limit: str, accepted: int) -> None:
    with configured(THROTTLE_ADDRESS_PER_MINUTE=limit) as router:
        statuses = [router.get("/api/v1/users").status_code for _ in range(12)]
    assert statuses[:accepted] == [200] * accepted
    assert set(statuses[accepted + 1 :]) <= {429}


@pytest.mark.parametrize(("limit", "expected"), [("1", {200, 429}), ("0", {200})])
def test_the_number_of_connections_follows_its_setting(configured, limit: str, expected: set[int]) -> None:
    with configured(ROUTER_CONNECTIONS=limit) as router, ThreadPoolExecutor(4) as pool:
        responses = pool.map(lambda _: router.get("/api/v1/users?sleep=1").status_code, range(4))
        assert set(responses) == expected


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"PUBLIC_BASE_URL": "https://heidi.example.org"}, "max-age=31536000"),
        ({"PUBLIC_BASE_URL": "https://heidi.example.org", "HSTS_SECONDS": "60"}, "max-age=60"),
        ({"PUBLIC_BASE_URL": "https://heidi.example.org", "HSTS_SECONDS": "0"}, None),
        ({"PUBLIC_BASE_URL": "http://heidi.example.org"}, None),
        ({}, None),
    ],
)
def test_strict_transport_security_is_sent_if_tls_ends_in_front_of_the_router(
    configured, settings: dict[str, str], header: str | None
) -> None:
    with configured(**settings) as router:
        for path in ("/healthz", "/api/v1/users", "/nothing"):
            assert router.get(path).headers.get("Strict-Transport-Security") == header


def test_clients_behind_a_trusted_proxy_on_this_machine_have_their_own_addresses_and_limits(configured) -> None:
    def get(router: RunningRouter, forwarded: str) -> requests.Response:
        return router.get("/api/v1/users", headers={"X-Forwarded-For": forwarded})

    with configured(ROUTER_TRUSTED_PROXIES="127.0.0.1,192.0.2.0/24", THROTTLE_ADDRESS_PER_MINUTE="1") as router:
        first = get(router, "203.0.113.5")
        assert first.json()["headers"]["X-Forwarded-For"] == ["203.0.113.5"]
        assert [get(router, "203.0.113.5").status_code for _ in range(3)][-1] == 429
        # What the client itself has put in front of the address that the proxy appended is not believed.
        assert get(router, "127.0.0.1, 203.0.113.5").status_code == 429
        through_two_proxies = get(router, "203.0.113.6, 192.0.2.9")
    assert through_two_proxies.json()["headers"]["X-Forwarded-For"] == ["203.0.113.6"]


def test_a_proxy_that_is_not_trusted_cannot_choose_the_address(configured) -> None:
    with configured(ROUTER_TRUSTED_PROXIES="192.0.2.9") as router:
        response = router.get("/api/v1/users", headers={"X-Forwarded-For": "203.0.113.5"})
    assert response.json()["headers"]["X-Forwarded-For"] == ["127.0.0.1"]


def test_a_wrong_number_is_reported(tmp_path: Path) -> None:
    nginx = Router(tmp_path / "nginx", free_port(), dict.fromkeys(SERVICES, "127.0.0.1:1"), {"HSTS_SECONDS": "year"})
    with pytest.raises(StartupError, match="year"):
        nginx.prepare()


def test_only_a_platform_for_this_machine_exempts_loopback_addresses(tmp_path: Path) -> None:
    def is_exempt(**environ: str) -> bool:
        home = Home(tmp_path / "home")
        home.prepare()
        platform = StandalonePlatform(home, Ports(), environ)
        platform.prepare()
        home.close()
        return LOOPBACK in platform.router.config.read_text()

    assert is_exempt()
    assert is_exempt(PUBLIC_BASE_URL="http://127.0.0.1:8080")
    assert not is_exempt(TRUSTED_PROXIES="127.0.0.1")
    assert not is_exempt(PUBLIC_BASE_URL="https://heidi.example.org")
    assert not is_exempt(PUBLIC_BASE_URL="https://localhost.example.org")
