"""Docker compose, Kubernetes and the router agree with the code, and with each other."""

import json
import re
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import pytest
import yaml

from heidi_common.config import ConfigError, Settings
from heidi_common.standalone.router import TEMPLATE
from heidi_services import SERVICES
from tests.test_readme import asked_for

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KUBERNETES = [
    document
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
OURS = (*SERVICES, "worker", "relay", "clock")
NAMES_IN_TEMPLATE = set(re.findall(r"\$\{([A-Z]+)\}", TEMPLATE.read_text()))


def test_compose_has_the_seven_services_on_their_ports_and_everything_behind_them() -> None:
    for name, port in SERVICES.items():
        assert COMPOSE[name]["environment"]["HEIDI_SERVICE"] == name
        assert COMPOSE[name]["environment"]["BIND"] == f"0.0.0.0:{port}"
        assert COMPOSE["router"]["environment"][name.upper()].startswith(f"{name}:{port}")
    others = "migrate router postgres backup redis rabbitmq mailpit"
    monitoring = "prometheus alertmanager grafana postgres-exporter redis-exporter"
    assert COMPOSE.keys() == {*OURS, *others.split(), *monitoring.split()}
    assert {name for name, one in COMPOSE.items() if "profiles" in one} == set(monitoring.split())


def test_only_auth_gets_the_signing_keys() -> None:
    assert [name for name, one in COMPOSE.items() if "JWT_PRIVATE_KEYS" in one.get("environment", {})] == ["auth"]
    deployments = [one for one in KUBERNETES if one["kind"] == "Deployment"]
    with_keys = [one["metadata"]["name"] for one in deployments if "signing-keys" in str(one)]
    assert with_keys == ["auth"]


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_every_name_of_the_routers_template_is_filled_in(where: str) -> None:
    if where == "compose":
        given, command = COMPOSE["router"]["environment"].keys(), COMPOSE["router"]["command"][-1]
    else:
        (router,) = (one for one in KUBERNETES if one["kind"] == "Deployment" and one["metadata"]["name"] == "router")
        (container,) = router["spec"]["template"]["spec"]["containers"]
        given, command = {one["name"] for one in container["env"]}, container["command"][-1]
    assert set(given) == NAMES_IN_TEMPLATE
    assert set(re.findall(r"\$([A-Z]+)", command)) == NAMES_IN_TEMPLATE


def test_kubernetes_has_what_compose_has() -> None:
    deployments = {one["metadata"]["name"] for one in KUBERNETES if one["kind"] == "Deployment"}
    assert deployments == {*SERVICES, "worker", "relay", "clock", "router"}
    ports = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in KUBERNETES if one["kind"] == "Service"}
    assert {name: ports[name] for name in SERVICES} == SERVICES


def test_compose_needs_no_secret_that_the_example_and_the_generator_do_not_name() -> None:
    from deploy.new_env import lines

    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert needed <= example
    assert needed == {line.partition("=")[0] for line in lines()}


def test_the_examples_placeholders_do_not_start_a_service() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    with pytest.raises(ConfigError, match=r"SECRET_KEY(.|\n)*ENCRYPTION_KEYS"):
        Settings.from_env(
            example | {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x", "BROKER_URL": "amqp://x"}
        )


def test_prometheus_asks_every_service() -> None:
    scrape = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert {one["targets"][0] for one in scrape["static_configs"]} == {f"{n}:{p}" for n, p in SERVICES.items()}


def test_prometheus_asks_the_servers_and_tells_the_alertmanager() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())
    asked = {one["job_name"]: one["static_configs"][0]["targets"][0] for one in config["scrape_configs"][1:]}
    assert asked.keys() == {"postgres", "redis", "rabbitmq"}
    (told,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert {target.partition(":")[0] for target in (*asked.values(), told)} <= COMPOSE.keys()
    assert all((ROOT / "deploy" / "monitoring" / name).exists() for name in config["rule_files"])


def test_every_image_has_a_version() -> None:
    images = {name: one["image"] for name, one in COMPOSE.items() if name not in (*OURS, "migrate")}
    assert [name for name, image in images.items() if ":" not in image or image.endswith(":latest")] == []


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name, pod, its container) of everything that runs on Kubernetes."""
    for one in KUBERNETES:
        if one["kind"] in ("Deployment", "Job"):
            pod = one["spec"]["template"]["spec"]
            yield one["metadata"]["name"], pod, pod["containers"][0]


def test_the_images_entrypoint_makes_a_fresh_folder_for_metrics_and_nothing_goes_around_it() -> None:
    image = (ROOT / "Dockerfile").read_text()
    assert re.search(r"ENTRYPOINT .*rm -rf .*PROMETHEUS_MULTIPROC_DIR.* && mkdir -p .*PROMETHEUS_MULTIPROC_DIR", image)
    ours = {name: container for name, _, container in pods() if container["image"] == "heidi"}
    assert ours.keys() == {*SERVICES, "worker", "relay", "clock", "migrate"}
    assert [name for name, container in ours.items() if "command" in container] == []
    assert [name for name, one in COMPOSE.items() if "entrypoint" in one] == []


def test_every_setting_of_the_readme_reaches_the_processes_under_compose() -> None:
    given = {name for service in COMPOSE.values() for name in service.get("environment", {})}
    assert set(asked_for()) - given == {"HEIDI_BASE_PORT"}, "names and ports are docker's own there"


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_whoever_is_asked_to_stop_has_time_to_finish_its_requests(where: str) -> None:
    gunicorn = int(re.findall(r'"GRACEFUL_TIMEOUT", "(\d+)"', (ROOT / "gunicorn.conf.py").read_text())[0])
    nginx = int(re.findall(r"worker_shutdown_timeout (\d+)s", TEMPLATE.read_text())[0])
    if where == "compose":
        given = {
            n: int(one.get("stop_grace_period", "10s")[:-1]) for n, one in COMPOSE.items() if n in (*OURS, "router")
        }
    else:
        given = {
            name: pod.get("terminationGracePeriodSeconds", 30) - _sleeps(container) for name, pod, container in pods()
        }
        given.pop("migrate")
    assert given.keys() == {*OURS, "router"}
    assert min(given.values()) > max(gunicorn, nginx)


def _sleeps(container: dict[str, Any]) -> int:
    before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    return int(before[1])


def test_on_kubernetes_nobody_is_sent_to_a_pod_that_has_stopped_listening() -> None:
    patient = {name for name, _, container in pods() if _sleeps(container)}
    assert patient == {*SERVICES, "router"}


def test_what_grows_on_kubernetes_has_no_other_number_of_its_own() -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in KUBERNETES if one["kind"] == "HorizontalPodAutoscaler"}
    kept = {one["metadata"]["name"] for one in KUBERNETES if one["kind"] == "PodDisruptionBudget"}
    assert scaled == kept == {*SERVICES, "worker"}
    fixed = {one["metadata"]["name"] for one in KUBERNETES if "replicas" in one.get("spec", {})}
    assert fixed == {"relay", "clock", "router"}, "each `apply` would set the number back"


def test_the_editor_can_debug_every_service_and_process() -> None:
    launch = json.loads((ROOT / ".vscode" / "launch.json").read_text())
    assert launch["inputs"][0]["options"] == list(SERVICES)
    modules = {one["module"] for one in launch["configurations"]}
    assert modules == {"flask", "dramatiq", "workers.relay", "workers.clock", "pytest"}
    assert all(util.find_spec(name) for name in modules)
