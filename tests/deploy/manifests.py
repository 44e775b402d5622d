"""The manifests of docker compose and Kubernetes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from heidi_services import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
MANIFESTS = ROOT / "deploy" / "kubernetes"
KUBERNETES: list[dict[str, Any]] = [
    document
    for path in (*sorted((MANIFESTS / "base").glob("*.yaml")), MANIFESTS / "secret.example.yaml")
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
"""What all overlays share, and the examples of the secrets."""
OWN_PROCESSES = (*SERVICES, "console", "realtime", "worker", "relay", "clock")


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, pod and container of everything that runs on Kubernetes."""
    for document in KUBERNETES:
        if document["kind"] in ("Deployment", "Job"):
            pod = document["spec"]["template"]["spec"]
            yield document["metadata"]["name"], pod, pod["containers"][0]


def sleeps(container: dict[str, Any]) -> int:
    """Seconds that a container waits before it is asked to stop."""
    before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    return int(before[1])
