"""Probes, isolation and rollout order on Kubernetes."""

from typing import Any

from heidi_services import SERVICES
from tests.deploy.manifests import KUBERNETES, ROOT, pods, sleeps


def test_pods_keep_listening_until_they_get_no_new_requests() -> None:
    waiting = {name for name, _, container in pods() if sleeps(container)}
    assert waiting == {*SERVICES, "console", "realtime", "router"}


def test_a_pod_has_no_cluster_credentials_and_a_read_only_file_system() -> None:
    for name, pod, container in pods():
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False), name
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, name
        assert container["resources"]["limits"].keys() == {"memory"}, name


def test_probes_tolerate_a_slow_start_and_a_busy_pod() -> None:
    for name, _, container in pods():
        if name in SERVICES:
            assert _seconds_to_failure(container["startupProbe"]) >= 60
            assert _seconds_to_failure(container["livenessProbe"]) >= 60
            assert min(container[f"{kind}Probe"]["timeoutSeconds"] for kind in ("liveness", "readiness")) >= 5


def _seconds_to_failure(probe: dict[str, Any]) -> int:
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def test_a_rollout_waits_for_the_migrations() -> None:
    first = {
        item["metadata"]["name"] for item in KUBERNETES if item["metadata"].get("labels", {}).get("step") == "first"
    }
    assert first == {"heidi", "settings", "migrate"}, "the namespace, and what the job needs"
    script = (ROOT / "deploy" / "kubernetes" / "rollout.sh").read_text()
    steps = ["delete job migrate", "apply --selector step=first", "\nwait_for_migrations\n", "apply --filename"]
    positions = [script.index(step) for step in steps]
    assert positions == sorted(positions)


def test_services_accept_connections_from_their_namespace_and_prometheus() -> None:
    policies = {item["metadata"]["name"]: item["spec"] for item in KUBERNETES if item["kind"] == "NetworkPolicy"}
    assert policies["refuse"] == {"podSelector": {}, "policyTypes": ["Ingress"]}, "nothing that is not allowed below"
    policy = policies["services"]
    (selector,) = policy["podSelector"]["matchExpressions"]
    assert set(selector["values"]) == {*SERVICES, "console", "realtime"}
    inside, prometheus = policy["ingress"][0]["from"]
    assert inside == {"podSelector": {}}
    assert prometheus["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def test_autoscaled_deployments_have_no_fixed_number_of_replicas() -> None:
    scaled = {
        item["spec"]["scaleTargetRef"]["name"] for item in KUBERNETES if item["kind"] == "HorizontalPodAutoscaler"
    }
    protected = {item["metadata"]["name"] for item in KUBERNETES if item["kind"] == "PodDisruptionBudget"}
    assert scaled == {*SERVICES, "worker"}
    assert protected == {name for name, _, _ in pods()} - {"migrate"}
    fixed = {item["metadata"]["name"] for item in KUBERNETES if "replicas" in item.get("spec", {})}
    assert fixed == protected - scaled, "each `apply` would reset the number"
