"""Every panel of the dashboards shows data of a running platform, read by a real Prometheus with the shipped rules."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from flask import Flask

from heidi_common.config.settings import Settings
from tests.deploy.test_monitoring import DASHBOARDS, _store_states
from tests.gunicorn_server import WebProcess
from tests.operations.test_dead_processes import COMMANDS, Background, is_scraped, start_prometheus
from tests.polling import TIMEOUT_SECONDS, until
from tests.workers.test_heartbeat import environment

pytestmark = [
    pytest.mark.operations,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed"),
]
VARIABLES = {"$__rate_interval": "10s", "$service": ".*"}
ABSENT = {
    "heidi_realtime": "the role of WebSockets is not part of this platform",
    'status=~"5.."': "no request fails",
    "heidi:api_errors": "no request fails",
    "heidi:messages_late": "no message is late",
    "heidi_provider_rejection": "no provider rejects the configuration",
}
"""What the platform of this test has no data for. The query must be valid nevertheless."""


@pytest.fixture
def prometheus(app: Flask, settings: Settings, tmp_path: Path) -> Iterator[str]:
    """Prometheus, which reads a service; relay, clock and a worker run beside it."""
    _store_states()
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    service = WebProcess("users", settings, PROMETHEUS_MULTIPROC_DIR=str(metrics))
    background = Background(environment(settings, tmp_path))
    process, url = start_prometheus(tmp_path, service.url.removeprefix("http://"))
    try:
        background.start(*COMMANDS)
        until(lambda: is_scraped(url), 300)
        for _ in range(2):  # a rate needs an increase between two scrapes
            for path in ("/api/v1/users/me", "/api/v1/nothing"):
                requests.get(service.url + path, timeout=TIMEOUT_SECONDS)
            scrapes = scrape_count(url)
            until(lambda seen=scrapes: scrape_count(url) > seen + 1, 300)
        yield url
    finally:
        background.kill_all()
        process.terminate()
        process.wait()
        service.kill()


def scrape_count(url: str) -> int:
    result = query(url, 'count_over_time(up{job="heidi"}[1h])')
    return int(result[0]["value"][1]) if result else 0


def query(url: str, expression: str) -> list[Any]:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    response = requests.get(f"{url}/api/v1/query?{urlencode({'query': expression})}", timeout=TIMEOUT_SECONDS)
    assert response.ok, f"{expression}: {response.text}"
    result: list[Any] = response.json()["data"]["result"]
    return result


def panels() -> Iterator[tuple[str, str]]:
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def has_data(expression: str) -> bool:
    return not any(part in expression for part in ABSENT)


def test_every_panel_shows_data(prometheus: str) -> None:
    def empty() -> list[tuple[str, str]]:
        return [(title, text) for title, text in panels() if has_data(text) and not query(prometheus, text)]

    deadline = time.monotonic() + 120
    while empty() and time.monotonic() < deadline:
        time.sleep(2)
    assert empty() == []
    for _, expression in panels():
        query(prometheus, expression)  # valid, with or without data
