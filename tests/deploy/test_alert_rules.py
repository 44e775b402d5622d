"""Every alert fires when it should and not otherwise, by promtool, and links a section of the runbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from heidi_services import SERVICES
from tests.deploy import alert_cases
from tests.deploy.alert_cases import CASES, Series

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
FILES = sorted(MONITORING.glob("alerts*.yml"))
GROUPS: list[dict[str, Any]] = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
RECORDS = [group for group in GROUPS if all("record" in rule for rule in group["rules"])]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
ALERTS = [rule["alert"] for rule in RULES]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
PARTS = ("Symptom", "Impact", "Checks", "Fix")


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        message = "promtool is missing: apt-get install --no-install-recommends prometheus"
        assert os.environ.get("CI") != "true", message
        pytest.skip(message)
    return path


def promtool_test(alert: str, series: Series, minutes: int, fires: bool) -> dict[str, Any]:
    """A test of promtool: whether the alert is firing after some minutes."""
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > bool 0'
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": f"{minutes}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def expectations(alert: str) -> Iterator[dict[str, Any]]:
    case = CASES[alert]
    for series in case.firing:
        yield promtool_test(alert, series, case.minutes, fires=True)
    for series in case.quiet:
        yield promtool_test(alert, series, case.minutes, fires=False)


def run_promtool(promtool: str, folder: Path, alert: str, tests: list[dict[str, Any]]) -> str:
    """Run tests of promtool with one alert and what it needs; returns what has failed."""
    rule = RULES[ALERTS.index(alert)]
    records = RECORDS if "heidi:" in rule["expr"] else []
    rules, file = folder / "rules.yml", folder / "test.yml"
    rules.write_text(yaml.safe_dump({"groups": [*records, {"name": "tested", "rules": [rule]}]}))
    interval = f"{min(4, max(1, CASES[alert].minutes // 60))}m"
    order = [group["name"] for group in (*records, {"name": "tested"})]  # otherwise promtool takes any
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(rules)], "evaluation_interval": interval, "group_eval_order": order, "tests": tests}
        )
    )
    result = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should_and_not_otherwise(promtool: str, tmp_path: Path, alert: str) -> None:
    assert run_promtool(promtool, tmp_path, alert, list(expectations(alert))) == ""


def test_a_wrong_expectation_is_reported(promtool: str, tmp_path: Path) -> None:
    wrong = promtool_test("DeadWork", {"heidi_inbox_dead": "0x30"}, 10, fires=True)
    assert "FAILED" in run_promtool(promtool, tmp_path, "DeadWork", [wrong])


def test_every_alert_has_cases_for_both() -> None:
    assert sorted(CASES) == sorted(ALERTS)
    assert [name for name, case in CASES.items() if not case.firing] == []
    assert [name for name, case in CASES.items() if not case.quiet] == ["Watchdog"]


@pytest.mark.parametrize("rule", RULES, ids=ALERTS)
def test_an_alert_links_a_section_of_the_runbook_with_all_parts(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert rule["annotations"]["runbook_url"] == ("{{ $externalLabels.repository }}/docs/runbook.md#" + name.lower())
    sections = re.findall(rf"^### {name}\n(.*?)(?=^##|\Z)", RUNBOOK, re.M | re.S)
    assert len(sections) == 1
    assert [part for part in PARTS if f"**{part}.**" not in sections[0]] == []


def test_the_runbook_has_no_sections_of_former_alerts() -> None:
    assert set(re.findall(r"^### (\w+)$", RUNBOOK, re.M)) == set(ALERTS)


def test_a_missing_service_is_noticed_for_every_service() -> None:
    (rule,) = (rule for rule in RULES if rule["alert"] == "ServiceDown")
    assert set(re.findall(r'absent\(up\{job="heidi",service="(\w+)"', rule["expr"])) == set(SERVICES)
    assert set(alert_cases.SERVICES) == set(SERVICES)


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-kubernetes.yml"])
def test_the_configuration_is_valid_and_loads_all_rules(promtool: str, tmp_path: Path, name: str) -> None:
    """Debian's promtool is built without the discovery of Kubernetes; its jobs are left out here."""
    configuration = yaml.safe_load((MONITORING / name).read_text())
    assert sorted(configuration["rule_files"]) == [file.name for file in FILES]
    jobs = configuration["scrape_configs"]
    configuration["scrape_configs"] = [job for job in jobs if "kubernetes_sd_configs" not in job]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    subprocess.run([promtool, "check", "config", "--syntax-only", file], check=True)
