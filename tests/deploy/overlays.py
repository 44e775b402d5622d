"""The overlays of Kubernetes, rendered by kubectl."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from deploy.new_env import write_kubernetes
from tests.deploy.manifests import MANIFESTS, ROOT

OVERLAYS = sorted(path.parent.name for path in MANIFESTS.glob("overlays/*/kustomization.yaml"))
PRODUCTION = ("production", "high-availability")
KUBECTL = str(Path(sys.executable).parent / "kubectl")


@cache
def rendered(overlay: str) -> list[dict[str, Any]]:
    """Render an overlay, in a copy in which the one for development has its secrets.

    Args:
        overlay: The name of its folder.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(MANIFESTS, copy / "deploy" / "kubernetes", ignore=shutil.ignore_patterns("*.env"))
        shutil.copytree(ROOT / "nginx", copy / "nginx")
        overlays = copy / "deploy" / "kubernetes" / "overlays"
        write_kubernetes(overlays / "development")
        command = [KUBECTL, "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(overlays / overlay)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def of_kind(overlay: str, *kinds: str) -> dict[str, dict[str, Any]]:
    """The specifications of some kinds in a rendered overlay, by their names."""
    return {item["metadata"]["name"]: item["spec"] for item in rendered(overlay) if item["kind"] in kinds}


def pod_specs(overlay: str) -> dict[str, dict[str, Any]]:
    """The pods of all workloads of a rendered overlay, by the names of the workloads."""
    long_running = of_kind(overlay, "Deployment", "StatefulSet", "Job")
    jobs = {name: spec["jobTemplate"]["spec"] for name, spec in of_kind(overlay, "CronJob").items()}
    return {name: spec["template"]["spec"] for name, spec in (long_running | jobs).items()}
