"""Each overlay of Kubernetes is valid, complete and does what its name says."""

from __future__ import annotations

import copy
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from heidi_services import SERVICES
from tests.deploy.manifests import KUBERNETES, OWN_PROCESSES, ROOT
from tests.deploy.overlays import OVERLAYS, PRODUCTION, of_kind, pod_specs, rendered

VERSION = "1.37"
GENERATED = {item["metadata"]["name"] for item in KUBERNETES if item["kind"] == "Secret"} | {"pgbouncer", "heidi-tls"}
"""The secrets that an operator creates."""


def test_there_are_three_overlays() -> None:
    assert {*OVERLAYS} >= {"development", "production", "high-availability"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_follows_the_schemas_of_kubernetes(overlay: str) -> None:
    for item in rendered(overlay):
        kubernetes_validate.validate(item, VERSION, strict=True)
        assert item["kind"] == "Namespace" or item["metadata"]["namespace"] == "heidi", item["metadata"]["name"]


def test_a_wrong_field_is_noticed() -> None:
    (worker,) = (
        item for item in rendered("production") if item["metadata"]["name"] == "worker" and item["kind"] == "Deployment"
    )
    wrong = copy.deepcopy(worker)
    wrong["spec"]["template"]["spec"]["topologySpreadConstraint"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_name_that_a_pod_refers_to_exists(overlay: str) -> None:
    names = {(item["kind"], item["metadata"]["name"]) for item in rendered(overlay)}
    if overlay != "development":
        names |= {("Secret", name) for name in GENERATED}
    missing = [
        reference for pod in pod_specs(overlay).values() for reference in _references(pod) if reference not in names
    ]
    assert missing == []


def _references(pod: dict[str, Any]) -> list[tuple[str, str]]:
    sources = [source for container in pod["containers"] for source in container.get("envFrom", [])]
    variables = [item["valueFrom"] for item in pod["containers"][0].get("env", []) if "valueFrom" in item]
    required = [source for source in sources if not source.get("secretRef", {}).get("optional")]
    found = [("ConfigMap", item["configMapRef"]["name"]) for item in required if "configMapRef" in item]
    found += [("Secret", item["secretRef"]["name"]) for item in required if "secretRef" in item]
    found += [("Secret", item["secretKeyRef"]["name"]) for item in variables]
    for volume in pod.get("volumes", []):
        found += [("ConfigMap", volume["configMap"]["name"])] if "configMap" in volume else []
        found += [("Secret", volume["secret"]["secretName"])] if "secret" in volume else []
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        found += [("PersistentVolumeClaim", claim)] if claim else []
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_states_what_it_needs_and_may_use(overlay: str) -> None:
    for name, pod in pod_specs(overlay).items():
        for container in pod["containers"]:
            resources = container["resources"]
            assert resources["requests"].keys() == {"cpu", "memory"}, name
            assert resources["limits"].keys() == {"memory"}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_is_probed(overlay: str) -> None:
    pods = {name: pod["containers"][0] for name, pod in pod_specs(overlay).items()}
    for name in OWN_PROCESSES:
        probe = {kind: pods[name][f"{kind}Probe"] for kind in ("startup", "liveness")}
        if name in ("worker", "relay", "clock"):
            assert {tuple(each["exec"]["command"][-2:]) for each in probe.values()} == {("workers.heartbeat", name)}
        else:
            assert {each["httpGet"]["path"] for each in probe.values()} == {"/healthz"}
            assert pods[name]["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert pods["router"].keys() >= {"livenessProbe", "readinessProbe"}


@pytest.mark.parametrize("overlay", PRODUCTION)
def test_pods_are_spread_and_at_most_one_of_each_is_drained(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for name, spec in of_kind(overlay, "Deployment").items():
        labels = spec["template"]["metadata"]["labels"]
        constraints = spec["template"]["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"].rpartition("/")[2] for each in constraints] == ["zone", "hostname"], name
        assert all(each["labelSelector"]["matchLabels"].items() <= labels.items() for each in constraints), name
        assert budgets[name] == {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}


@pytest.mark.parametrize(("overlay", "least"), [("production", 2), ("high-availability", 3)])
def test_there_are_several_of_each_process(overlay: str, least: int) -> None:
    scaled = of_kind(overlay, "HorizontalPodAutoscaler")
    assert scaled.keys() == {*SERVICES, "worker"}
    assert {spec["minReplicas"] for spec in scaled.values()} == {least}
    others = {name: spec["replicas"] for name, spec in of_kind(overlay, "Deployment").items() if name not in scaled}
    assert min(others.values()) >= least, others
    (settings,) = (item["data"] for item in rendered(overlay) if item["metadata"]["name"] == "settings")
    assert {spec["maxReplicas"] for spec in scaled.values()} == {int(settings["MAX_INSTANCES"])}


def test_with_high_availability_the_loss_of_a_zone_leaves_two() -> None:
    for name, spec in of_kind("high-availability", "Deployment").items():
        zones, nodes = spec["template"]["spec"]["topologySpreadConstraints"]
        assert (zones["whenUnsatisfiable"], nodes["whenUnsatisfiable"]) == ("DoNotSchedule", "ScheduleAnyway"), name
    assert "pgbouncer" in of_kind("high-availability", "Deployment")


def test_development_runs_one_of_each_with_servers_of_its_own() -> None:
    assert of_kind("development", "StatefulSet").keys() == {"postgres", "redis", "rabbitmq", "mailpit"}
    assert {spec.get("replicas", 1) for spec in of_kind("development", "Deployment").values()} == {1}
    kinds = {item["kind"] for item in rendered("development")}
    assert kinds & {"HorizontalPodAutoscaler", "PodDisruptionBudget", "CronJob", "Ingress"} == set()
    pods = pod_specs("development")
    with_files = {name for name, pod in pods.items() if "claimName" in str(pod)}
    assert with_files == {"files", "worker"}
    keys = {
        item["metadata"]["name"]: item["data"].keys() for item in rendered("development") if item["kind"] == "Secret"
    }
    assert "JWT_PRIVATE_KEYS" not in keys["heidi"] and keys["signing-keys"] == {"JWT_PRIVATE_KEYS"}


@pytest.mark.parametrize("overlay", PRODUCTION)
def test_workers_are_added_while_jobs_wait_for_a_thread(overlay: str) -> None:
    metrics = of_kind(overlay, "HorizontalPodAutoscaler")["worker"]["metrics"]
    (series,) = (each["external"]["metric"]["name"] for each in metrics if each["type"] == "External")
    adapter = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus-adapter.yml").read_text())["externalRules"]
    assert [rule["seriesQuery"] for rule in adapter] == [series]
    assert series in (ROOT / "deploy" / "monitoring" / "alerts.yml").read_text(), (
        "its rules are tested with what services expose"
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_connects_to_a_pod_unless_a_policy_allows_it(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["refuse"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    listening = {name for name, pod in pod_specs(overlay).items() if any(c.get("ports") for c in pod["containers"])}
    allowed = {
        name for policy in policies.values() if policy.get("ingress") for name in _selected(policy["podSelector"])
    }
    assert allowed == listening


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_process_reaches_the_credentials_of_its_machine(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["no-machine-credentials"]["podSelector"] == {
        "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["router"]}]
    }
    blocks = [
        to["ipBlock"]
        for rule in policies["no-machine-credentials"]["egress"]
        for to in rule.get("to", [])
        if "ipBlock" in to
    ]
    assert "169.254.0.0/16" in next(block["except"] for block in blocks if block["cidr"] == "0.0.0.0/0")
    assert all("ipBlock" not in str(rule) for rule in policies["router"]["egress"])


def _selected(selector: dict[str, Any]) -> list[str]:
    if labels := selector.get("matchLabels"):
        return [labels["app"]]
    (expression,) = selector["matchExpressions"]
    return list(expression["values"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_image_has_a_version(overlay: str) -> None:
    images = [container["image"] for pod in pod_specs(overlay).values() for container in pod["containers"]]
    assert [image for image in images if not re.search(r":[\w.-]+$", image) or image.endswith(":latest")] == []
