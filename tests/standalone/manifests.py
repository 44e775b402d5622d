"""Docker compose and Kubernetes as they are written down."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from heidi_services import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KUBERNETES = [
    document
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
OURS = (*SERVICES, "worker", "relay", "clock")


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name, pod, its container) of everything that runs on Kubernetes."""
    for one in KUBERNETES:
        if one["kind"] in ("Deployment", "Job"):
            pod = one["spec"]["template"]["spec"]
            yield one["metadata"]["name"], pod, pod["containers"][0]


def sleeps(container: dict[str, Any]) -> int:
    """Seconds before a container is asked to stop."""
    before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    return int(before[1])
