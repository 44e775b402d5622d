"""Alerts on the servers, and their delivery to a receiver, with the configuration of docker compose."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
PROMETHEUS: dict[str, Any] = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
ALERTMANAGER: dict[str, Any] = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
FILES = {name: yaml.safe_load((MONITORING / name).read_text()) for name in PROMETHEUS["rule_files"]}
RULES = {
    rule["alert"]: rule
    for file in FILES.values()
    for group in file["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def test_every_alert_says_how_urgent_it_is() -> None:
    urgency = {name: rule["labels"]["severity"] for name, rule in RULES.items()}
    assert urgency.pop("Watchdog") == "none"
    assert set(urgency.values()) == {"page", "ticket"}


def test_the_jobs_that_alerts_use_are_scraped() -> None:
    jobs = {
        job
        for rule in RULES.values()
        for names in re.findall(r'job=~?"([^"]+)"', rule["expr"])
        for job in names.split("|")
    }
    assert jobs == {config["job_name"] for config in PROMETHEUS["scrape_configs"]} - {"node"}


def test_every_alert_has_a_receiver_and_only_existing_alerts_are_inhibited() -> None:
    receivers = {item["name"] for item in ALERTMANAGER["receivers"]}
    route = ALERTMANAGER["route"]
    assert {item["receiver"] for item in (route, *route["routes"])} <= receivers
    matchers = [item for rule in ALERTMANAGER["inhibit_rules"] for side in rule.values() for item in side]
    inhibited = {name for matcher in matchers for name in re.findall(r'"(.*)"', matcher)[0].split("|")}
    assert inhibited <= RULES.keys()


def test_the_servers_dashboard_uses_scraped_series_and_is_mounted_by_compose() -> None:
    dashboard = json.loads((MONITORING / "grafana" / "servers.json").read_text())
    drawn = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    series = re.findall(r"\b[a-z]+_[a-z_]+", " ".join(drawn))
    assert {name.partition("_")[0] for name in series} == {"pg", "redis", "rabbitmq"}
    shown = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    boards = {path.name for path in (MONITORING / "grafana").glob("*.json")}
    assert {volume.split(":")[1] for volume in shown if ".json" in volume} == {f"/etc/heidi/{name}" for name in boards}
