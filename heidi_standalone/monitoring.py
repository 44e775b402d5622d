"""`python -m heidi_standalone.monitoring FOLDER`: the configuration of Prometheus and Alertmanager for `make run`.

The rules are those of all deployments. PostgreSQL and Valkey of a standalone platform have no exporters, so that of the
rules about servers only those about disks are used.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from heidi_common.config.sections.processes import home_folder
from heidi_common.config.service_registry import REALTIME, SERVICES
from heidi_standalone.paths import ROOT
from heidi_standalone.ports import Ports

SOURCE = ROOT / "deploy" / "monitoring"
ALERTMANAGER, NODE_EXPORTER = "127.0.0.1:9093", "127.0.0.1:9100"
ON_DISKS = "node_"
"""The prefix of the series of the node exporter."""


def write(folder: Path, ports: Ports) -> None:
    """Write `prometheus.yml`, the rules and `alertmanager.yml`. An existing `alertmanager.yml` is kept.

    Args:
        folder: Where. It is created if it is missing.
        ports: Those of the platform.
    """
    folder.mkdir(parents=True, exist_ok=True)
    configuration = yaml.safe_load((SOURCE / "prometheus.yml").read_text())
    for name in configuration["rule_files"]:
        (folder / name).write_text(yaml.safe_dump(_rules(name), sort_keys=False))
    configuration["scrape_configs"] = [_services(ports), _job("node", [{"targets": [NODE_EXPORTER]}])]
    configuration["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [ALERTMANAGER]}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    if not (alertmanager := folder / "alertmanager.yml").exists():
        shutil.copy(SOURCE / "alertmanager.yml", alertmanager)
        alertmanager.write_text(alertmanager.read_text().replace("mailpit:1025", f"127.0.0.1:{ports.smtp}"))


def _rules(name: str) -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load((SOURCE / name).read_text())
    if name == "alerts-servers.yml":
        for group in rules["groups"]:
            group["rules"] = [rule for rule in group["rules"] if ON_DISKS in rule["expr"]]
    return rules


def _services(ports: Ports) -> dict[str, Any]:
    addresses = {name: ports.service(name) for name in SERVICES} | {REALTIME.name: ports.realtime}
    return _job(
        "heidi", [{"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}} for name, port in addresses.items()]
    )


def _job(name: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    return {"job_name": name, "static_configs": targets}


def main(folder: Path) -> None:
    """Write the files for the platform in HEIDI_HOME."""
    env = dotenv_values(home_folder() / "env")
    write(folder, Ports.from_env(os.environ | {name: value for name, value in env.items() if value}))
    sys.stdout.write(f"{folder} has prometheus.yml, alertmanager.yml and the rules\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
