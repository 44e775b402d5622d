"""What a client of the router sees: hot reads from nginx, changes within two seconds, wherever they were made."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from heidi_common.app import build_app, service
from heidi_common.config import Settings
from heidi_common.standalone.router import Router
from heidi_services import SERVICES
from heidi_services.city.models import City
from heidi_services.city.service import catalogue
from tests.city.conftest import BERLIN
from tests.ports import free_port
from tests.standalone.conftest import _wait_for

LIMIT_SECONDS = 2.0


@pytest.fixture(scope="module")
def url(platform: Flask, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """nginx in front of a city service that is not the one in which these tests make their changes."""
    server = make_server("127.0.0.1", 0, build_app(settings, service("city")), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("nginx")
    router = Router(folder, free_port(), dict.fromkeys(SERVICES, f"127.0.0.1:{server.server_port}"))
    router.prepare()
    with (Path(folder).parent / "nginx.log").open("wb") as log:
        process = subprocess.Popen(router.command(), stdout=log, stderr=log)
        _wait_for(router.port, process)
        yield f"http://127.0.0.1:{router.port}/api/v1/cities"
        process.terminate()
        process.wait(10)
    server.shutdown()


def last_old_read(read: Callable[[], object], before: object) -> float:
    """Seconds after now at which the last read began that still gave the answer of before."""
    changed, last = time.monotonic(), 0.0
    while True:
        begun = time.monotonic() - changed
        if read() != before:
            return last
        last = begun
        assert last < 10


@pytest.mark.parametrize(
    ("path", "delay"),
    [("/{id}", 0.0), ("/nearby?latitude=52&longitude=13&radiusKm=100", 0.35), ("/search?q=berlin", 0.7)],
)
def test_a_change_elsewhere_is_seen_within_two_seconds(
    url: str, make: Callable[..., City], path: str, delay: float
) -> None:
    city = make(**BERLIN)
    path = url + path.format(id=city.id)

    def read() -> tuple[int, str]:
        answer = requests.get(path, timeout=5)
        return answer.status_code, answer.text

    until = time.monotonic() + 1.1 + delay  # the answer is hot, and stored at another time of the second
    while time.monotonic() < until:
        before = read()
    catalogue.change(city.id, None, population=1)
    assert last_old_read(read, before) < LIMIT_SECONDS
    before = read()
    catalogue.deactivate(city.id, None)
    assert last_old_read(read, before) < LIMIT_SECONDS


def test_a_hot_answer_does_not_reach_the_service(url: str, make: Callable[..., City]) -> None:
    path = f"{url}/{make(**BERLIN).id}"
    timings = {requests.get(path, timeout=5).headers["Server-Timing"] for _ in range(20)}
    assert 'cache;desc="hit"' in timings


def test_an_unchanged_answer_is_304_from_nginx_and_from_the_service(url: str, make: Callable[..., City]) -> None:
    path = f"{url}/{make(**BERLIN).id}"
    tag = requests.get(path, timeout=5).headers["ETag"]
    for wait in (0.0, 2.1):
        time.sleep(wait)
        answer = requests.get(path, headers={"If-None-Match": tag}, timeout=5)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == tag


def test_json_and_geojson_do_not_mix(url: str, make: Callable[..., City]) -> None:
    make(**BERLIN)
    for accept in ("application/json", "application/geo+json", "application/json"):
        answer = requests.get(url, headers={"Accept": accept}, timeout=5)
        assert answer.headers["Content-Type"] == accept
