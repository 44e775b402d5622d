"""The city service behind the router: nginx serves repeated reads, and changes on any instance soon become visible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_services import SERVICES
from heidi_services.city.models import City
from heidi_services.city.service import cities
from heidi_standalone.servers.nginx import Router
from tests.city.conftest import BERLIN
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.served_app import served
from tests.standalone.conftest import running

SOON_SECONDS = 30.0
"""The promised two seconds, on a machine that is busy with other tests.

Less than the minute that responses are cached in Redis, so that waiting for their expiry would fail."""


@pytest.fixture(scope="module")
def url(platform: Flask, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """nginx in front of another instance than the one in which these tests make their changes."""
    with served(build_app(settings, SERVICES["city"])) as city:
        upstreams = dict.fromkeys(SERVICES, city.removeprefix("http://"))
        router = Router(tmp_path_factory.mktemp("nginx") / "nginx", free_port(), upstreams)
        router.prepare()
        with running(router) as proxy:
            yield f"{proxy.url}/api/v1/cities"


def get(path: str, **headers: str) -> requests.Response:
    return requests.get(path, headers=headers, timeout=TIMEOUT_SECONDS)


def is_hit(response: requests.Response) -> bool:
    """Whether nginx has served the response from its cache."""
    return response.headers["Server-Timing"] == 'cache;desc="hit"'


@pytest.mark.parametrize("path", ["/{id}", "/nearby?latitude=52&longitude=13&radiusKm=100", "/search?q=berlin"])
def test_a_change_on_another_instance_becomes_visible_soon(url: str, make: Callable[..., City], path: str) -> None:
    city = make(**BERLIN)
    path = url + path.format(id=city.id)
    for change in (lambda: cities.update(city.id, None, population=1), lambda: cities.deactivate(city.id, None)):
        until(lambda: is_hit(get(path)))
        before = get(path).text
        change()
        until(lambda old=before: get(path).text != old, SOON_SECONDS)


def test_a_repeated_read_does_not_reach_the_service(url: str, make: Callable[..., City]) -> None:
    path = f"{url}/{make(**BERLIN).id}"
    until(lambda: is_hit(get(path)))


@pytest.mark.parametrize("from_nginx", [True, False])
def test_an_unchanged_response_is_304_from_nginx_and_from_the_service(
    url: str, make: Callable[..., City], from_nginx: bool
) -> None:
    path = f"{url}/{make(**BERLIN).id}"
    tag = get(path).headers["ETag"]

    def is_not_modified() -> bool:
        response = get(path, **{"If-None-Match": tag})
        assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", tag)
        return is_hit(response) is from_nginx

    until(is_not_modified)


def test_json_and_geojson_do_not_mix(url: str, make: Callable[..., City]) -> None:
    make(**BERLIN)
    for accept in ("application/json", "application/geo+json", "application/json"):
        assert get(url, Accept=accept).headers["Content-Type"] == accept
