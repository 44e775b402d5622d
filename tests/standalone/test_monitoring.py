"""Alerts and the dashboard ask for what a real service shows, as Prometheus reads it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from heidi_common.config.settings import Settings
from tests.gunicorn_server import WebProcess
from tests.polling import PATIENCE

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana" / "heidi.json").read_text())
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [one["expr"] for one in (*RULES, *TARGETS)]

# Of a scrape itself: `up`, and what prometheus.yml puts on every series.
FROM_PROMETHEUS = {"up": {"job", "service", "instance"}}
ADDED = {"job", "service", "instance"}
WORDS = {"by", "and", "or"}


@pytest.fixture(scope="module")
def shown(
    platform: Flask, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, set[str]]]:
    """Series -> its labels, of a service in processes, as it is deployed."""
    folder = tmp_path_factory.mktemp("metrics")
    service = WebProcess("city", settings, PROMETHEUS_MULTIPROC_DIR=str(folder))
    for path in ("/api/v1/cities", "/api/v1/nothing"):
        requests.get(service.url + path, timeout=PATIENCE)
    yield _series(requests.get(f"{service.url}/metrics", timeout=PATIENCE).text)
    service.stop()


def _series(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set(labels) for name, labels in FROM_PROMETHEUS.items()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set(ADDED)).update(sample.labels)
    return found


def missing(expression: str, shown: dict[str, set[str]]) -> set[str]:
    """Series that nobody shows, and labels that none of the expression's series has."""
    bare = re.sub(r'"[^"]*"', "", expression)
    grouped = {label for names in re.findall(r"\bby\s*\(([^)]*)\)", bare) for label in re.findall(r"\w+", names)}
    matched = {label for names in re.findall(r"\{([^}]*)\}", bare) for label in re.findall(r"(\w+)\s*[=!]", names)}
    rest = re.sub(r"\bby\s*\([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", bare)
    series = set(re.findall(r"\b([a-zA-Z_]\w*)\b(?!\s*\()", rest)) - WORDS
    labels = {label for name in series & shown.keys() for label in shown[name]}
    return (series - shown.keys()) | ((grouped | matched) - labels)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_an_alert_or_a_panel_asks_for_is_there(shown: dict[str, set[str]], expression: str) -> None:
    assert missing(expression, shown) == set()


def test_a_name_that_no_service_shows_is_noticed(shown: dict[str, set[str]]) -> None:
    assert missing('rate(flask_http_requests_total{status="200"}[5m])', shown) == {
        "flask_http_requests_total",
        "status",
    }
    assert missing("sum by (path, le) (rate(flask_http_request_duration_seconds_bucket[5m]))", shown) == {"path"}
    assert missing('max(heidi_outbox_unsent{service="auth"}) > 1000 or max(heidi_inbox_waiting) > 1', shown) == {
        "heidi_inbox_waiting"
    }


def test_every_alert_has_a_runbook_and_what_the_platform_shows_of_its_own_is_on_the_dashboard(
    shown: dict[str, set[str]],
) -> None:
    runbooks = (ROOT / "docs" / "operations.md").read_text()
    assert [rule["alert"] for rule in RULES if f"**{rule['alert']}**" not in runbooks] == []
    drawn = " ".join(target["expr"] for target in TARGETS)
    assert [name for name in shown if name.startswith("heidi_") and name not in drawn] == []


def test_panels_do_not_overlap_and_ask_the_data_source_that_is_provided() -> None:
    (source,) = yaml.safe_load((MONITORING / "grafana" / "datasources.yml").read_text())["datasources"]
    assert {one["datasource"]["uid"] for one in (*DASHBOARD["panels"], *TARGETS)} == {source["uid"]}
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
