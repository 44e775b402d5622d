"""What keeps a platform on Kubernetes alive, apart and in order."""

from typing import Any

from heidi_services import SERVICES
from tests.standalone.manifests import KUBERNETES, ROOT, pods, sleeps


def test_on_kubernetes_nobody_is_sent_to_a_pod_that_has_stopped_listening() -> None:
    patient = {name for name, _, container in pods() if sleeps(container)}
    assert patient == {*SERVICES, "router"}


def test_a_pod_has_no_key_to_the_cluster_and_writes_to_nothing_but_its_mounts() -> None:
    for name, pod, container in pods():
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False), name
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, name
        assert container["resources"]["limits"].keys() == {"memory"}, name


def test_a_slow_start_or_a_busy_moment_costs_no_pod_its_life() -> None:
    for name, _, container in pods():
        if name in SERVICES:
            assert _patience(container["startupProbe"]) >= 60
            assert _patience(container["livenessProbe"]) >= 60
            assert min(container[f"{kind}Probe"]["timeoutSeconds"] for kind in ("liveness", "readiness")) >= 5


def _patience(probe: dict[str, Any]) -> int:
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def test_a_rollout_on_kubernetes_waits_for_the_migrations() -> None:
    first = {one["metadata"]["name"] for one in KUBERNETES if one["metadata"].get("labels", {}).get("step") == "first"}
    assert first == {"heidi", "settings", "migrate"}, "the namespace, and what the job needs"
    script = (ROOT / "deploy" / "kubernetes" / "rollout.sh").read_text()
    steps = ["delete job migrate", "apply --selector step=first", "wait --for=condition=complete", "apply --filename"]
    places = [script.index(step) for step in steps]
    assert places == sorted(places)


def test_on_kubernetes_the_services_listen_to_their_own_namespace_and_to_prometheus() -> None:
    (policy,) = (one["spec"] for one in KUBERNETES if one["kind"] == "NetworkPolicy")
    (chosen,) = policy["podSelector"]["matchExpressions"]
    assert set(chosen["values"]) == set(SERVICES)
    inside, prometheus = policy["ingress"][0]["from"]
    assert inside == {"podSelector": {}}
    assert prometheus["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def test_what_grows_on_kubernetes_has_no_other_number_of_its_own() -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in KUBERNETES if one["kind"] == "HorizontalPodAutoscaler"}
    kept = {one["metadata"]["name"] for one in KUBERNETES if one["kind"] == "PodDisruptionBudget"}
    assert scaled == {*SERVICES, "worker"} == kept - {"router"}
    assert "router" in kept
    fixed = {one["metadata"]["name"] for one in KUBERNETES if "replicas" in one.get("spec", {})}
    assert fixed == {"relay", "clock", "router"}, "each `apply` would set the number back"
