"""Alerts and the dashboard use only series that a real service exports."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import yaml
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.metrics import clock_state, platform_states
from heidi_common.metrics.heartbeat import Pulse
from heidi_realtime import series
from tests.gunicorn_server import WebProcess
from tests.polling import TIMEOUT_SECONDS

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARDS: dict[str, Any] = {
    name: json.loads((MONITORING / "grafana" / f"{name}.json").read_text())
    for name in ("heidi", "background", "objectives")
}
RULES = [
    rule
    for name in ("alerts.yml", "alerts-slo.yml")
    for group in yaml.safe_load((MONITORING / name).read_text())["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
PANELS = [panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]]
TARGETS = [target for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = list(dict.fromkeys(item["expr"] for item in (*RULES, *TARGETS)))

# Of Prometheus itself: `up`, the state of alerts, and the labels that prometheus.yml adds to every series.
FROM_PROMETHEUS = {"up": {"job", "service", "instance"}, "ALERTS": {"alertname", "alertstate", "severity"}}
ADDED_LABELS = {"job", "service", "instance"}
KEYWORDS = {"by", "and", "or", "on", "unless", "offset", "bool", "Inf"}


@pytest.fixture(scope="module")
def exported(
    platform: Flask, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, set[str]]]:
    """Name of a series -> its labels, of a service with several processes, as it is deployed."""
    with platform.app_context():
        _store_states()
    folder = tmp_path_factory.mktemp("metrics")
    service = WebProcess("city", settings, PROMETHEUS_MULTIPROC_DIR=str(folder))
    for path in ("/api/v1/cities", "/api/v1/nothing"):
        requests.get(service.url + path, timeout=TIMEOUT_SECONDS)
    yield _series(requests.get(f"{service.url}/metrics", timeout=TIMEOUT_SECONDS).text + _realtime_series())
    service.stop()


def _realtime_series() -> str:
    """The series of the role of WebSockets, which a service does not export."""
    series.closed.labels("1000")
    registry = CollectorRegistry()
    for metric in (series.sockets, series.sent, series.closed):
        registry.register(metric)
    lines = generate_latest(registry).decode().splitlines()
    return "\n".join(line for line in lines if "_created" not in line) + "\n"  # several processes have none


def _store_states() -> None:
    """Store one of each state whose series is exported only if there is one."""
    for name in (platform_states.BACKUP, platform_states.CERTIFICATE, platform_states.PROVIDER_REJECTION):
        platform_states.store(name, "x")
    clock_state.store("x", seen_at=utcnow(), offset_seconds=0, held_reason=None)
    with TemporaryDirectory() as folder:
        Pulse("clock", Path(folder)).beat()
        Pulse("worker", Path(folder)).beat(threads=8, busy={"core": 1}, saturated_seconds=0.0)


def _series(text: str) -> dict[str, set[str]]:
    series: dict[str, set[str]] = {name: set(labels) for name, labels in FROM_PROMETHEUS.items()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series.setdefault(sample.name, set(ADDED_LABELS)).update(sample.labels)
    return series


def missing(expression: str, exported: dict[str, set[str]]) -> set[str]:
    """Series that no service exports, and labels that none of the expression's series has."""
    bare = re.sub(r"\bon \(\)", "", re.sub(r'"[^"]*"', "", expression))
    if any(name in bare for name in RECORDED):  # the rules that record them are checked themselves
        return set(re.findall(r"heidi:\w+:\w+", bare)) - RECORDED
    grouped = {label for names in re.findall(r"\bby\s*\(([^)]*)\)", bare) for label in re.findall(r"\w+", names)}
    matched = {label for names in re.findall(r"\{([^}]*)\}", bare) for label in re.findall(r"(\w+)\s*[=!]", names)}
    rest = re.sub(r"\bby\s*\([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", bare)
    series = set(re.findall(r"\b([a-zA-Z_]\w*)\b(?!\s*\()", rest)) - KEYWORDS
    labels = {label for name in series & exported.keys() for label in exported[name]}
    return (series - exported.keys()) | ((grouped | matched) - labels)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_series_and_labels_of_alerts_and_panels_are_exported(exported: dict[str, set[str]], expression: str) -> None:
    assert missing(expression, exported) == set()


def test_unknown_series_and_labels_are_detected(exported: dict[str, set[str]]) -> None:
    assert missing('rate(flask_http_requests_total{status="200"}[5m])', exported) == {
        "flask_http_requests_total",
        "status",
    }
    assert missing("sum by (path, le) (rate(flask_http_request_duration_seconds_bucket[5m]))", exported) == {"path"}
    assert missing('max(heidi_outbox_unsent{service="auth"}) > 1000 or max(heidi_inbox_waiting) > 1', exported) == {
        "heidi_inbox_waiting"
    }


def test_every_own_series_is_on_the_dashboard(exported: dict[str, set[str]]) -> None:
    drawn = " ".join(target["expr"] for target in TARGETS)
    assert [name for name in exported if name.startswith("heidi_") and name not in drawn] == []


def test_panels_use_the_provided_data_source() -> None:
    (source,) = yaml.safe_load((MONITORING / "grafana" / "datasources.yml").read_text())["datasources"]
    assert {item["datasource"]["uid"] for item in (*PANELS, *TARGETS)} == {source["uid"]}
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


def test_each_objective_has_its_panels_with_the_factors_of_its_alerts() -> None:
    drawn = " ".join(target["expr"] for panel in DASHBOARDS["objectives"]["panels"] for target in panel["targets"])
    ratios = {name for name in RECORDED if ":ratio_" in name and not name.endswith("_30m")}
    assert ratios - set(re.findall(r"heidi:\w+:\w+", drawn)) == set()
    for name, budget in re.findall(r"(heidi:\w+):ratio_3d / ([\d.]+)", drawn):
        slow = next(rule["expr"] for rule in RULES if f"{name}:ratio_3d >" in rule["expr"])
        assert f"{name}:ratio_3d > {budget} " in slow


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARDS[name]["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
