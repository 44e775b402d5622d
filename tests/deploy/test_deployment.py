"""Docker compose, Kubernetes and the router match the code and each other."""

import json
import re
from importlib import util

import pytest
import yaml

from heidi_common.config.declaration import declarations
from heidi_common.config.sections.backup import BackupSettings
from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import REALTIME
from heidi_common.config.settings import ConfigError, Settings
from heidi_common.operations.registry import core_scopes
from heidi_services import SERVICES
from heidi_standalone.servers.nginx import FOLLOWED, TEMPLATE, render
from tests.common.config.test_reference import variables_read
from tests.deploy.manifests import COMPOSE, KUBERNETES, OWN_PROCESSES, ROOT, pods, sleeps

PORTS = {name: service.port for name, service in SERVICES.items()}


def test_compose_has_all_services_on_their_ports_and_all_other_parts() -> None:
    for name, port in PORTS.items():
        assert COMPOSE[name]["environment"]["HEIDI_SERVICE"] == name
        assert COMPOSE[name]["environment"]["BIND"] == f"0.0.0.0:{port}"
        assert COMPOSE["router"]["environment"][name.upper()].startswith(f"{name}:{port}")
    others = "migrate router postgres backup redis rabbitmq mailpit"
    monitoring = "prometheus alertmanager grafana postgres-exporter redis-exporter node-exporter"
    assert COMPOSE.keys() == {*OWN_PROCESSES, *others.split(), *monitoring.split(), "adminer"}
    optional = {name: service["profiles"] for name, service in COMPOSE.items() if "profiles" in service}
    assert optional == {name: ["monitoring"] for name in monitoring.split()} | {"adminer": ["development"]}


def test_only_auth_gets_the_signing_keys() -> None:
    assert [name for name, item in COMPOSE.items() if "JWT_PRIVATE_KEYS" in item.get("environment", {})] == ["auth"]
    deployments = [item for item in KUBERNETES if item["kind"] == "Deployment"]
    with_keys = [item["metadata"]["name"] for item in deployments if "signing-keys" in str(item)]
    assert with_keys == ["auth"]


def test_only_core_and_its_worker_get_cores_credentials() -> None:
    assert [name for name, item in COMPOSE.items() if "CORE_CLIENT_SECRET" in item.get("environment", {})] == [
        "core",
        "worker",
    ]
    assert [name for name, _, container in pods() if "core-client" in str(container)] == ["core", "worker"]
    secrets = {item["metadata"]["name"]: item["stringData"] for item in KUBERNETES if item["kind"] == "Secret"}
    assert [name for name, values in secrets.items() if "CORE_CLIENT_SECRET" in values] == ["core-client"]


@pytest.mark.parametrize("file", [".env.example", "deploy/kubernetes/secret.example.yaml"])
def test_the_documented_command_creates_cores_client_with_the_scopes_it_needs(file: str) -> None:
    text = " ".join((ROOT / file).read_text().replace("#", " ").split())
    (command,) = re.findall(r"`flask clients create core ([^`]+)`", text)
    assert re.findall(r"--scope (\S+)", command) == list(core_scopes())


def router_variables(where: str) -> set[str]:
    if where == "compose":
        return set(COMPOSE["router"]["environment"])
    (router,) = (item for item in KUBERNETES if item["kind"] == "Deployment" and item["metadata"]["name"] == "router")
    (settings,) = (
        item for item in KUBERNETES if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "settings"
    )
    (container,) = router["spec"]["template"]["spec"]["containers"]
    assert {"configMapRef": {"name": "settings"}} in container["envFrom"]
    return {item["name"] for item in container["env"]} | set(settings["data"])


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_the_routers_template_can_be_rendered(where: str) -> None:
    rendered = render(dict.fromkeys(router_variables(where) - {*FOLLOWED}, "value"))
    assert "${" not in rendered


def test_every_setting_that_the_router_follows_reaches_it_under_compose() -> None:
    assert set(FOLLOWED) <= router_variables("compose")
    assert set(FOLLOWED) <= set(variables_read())


def test_kubernetes_has_what_compose_has() -> None:
    deployments = {item["metadata"]["name"] for item in KUBERNETES if item["kind"] == "Deployment"}
    assert deployments == {*SERVICES, "console", "realtime", "worker", "relay", "clock", "router"}
    ports = {
        item["metadata"]["name"]: item["spec"]["ports"][0]["port"] for item in KUBERNETES if item["kind"] == "Service"
    }
    assert {name: ports[name] for name in SERVICES} == PORTS


def test_every_secret_of_compose_is_in_the_example_and_the_generator() -> None:
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


def test_services_trust_the_network_of_the_router_alone() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    assert COMPOSE["auth"]["environment"]["TRUSTED_PROXIES"] == network["subnet"]
    settings = next(item["data"] for item in KUBERNETES if item["metadata"]["name"] == "settings")
    with pytest.raises(ConfigError, match="TRUSTED_PROXIES"):
        Settings.from_env({"TRUSTED_PROXIES": settings["TRUSTED_PROXIES"]})
    assert settings["ROUTER_TRUSTED_PROXIES"] == ""


def test_prometheus_scrapes_every_service() -> None:
    scrape = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert {config["targets"][0] for config in scrape["static_configs"]} == {
        f"{name}:{port}" for name, port in (PORTS | {REALTIME.name: REALTIME.port}).items()
    }


def test_prometheus_scrapes_the_servers_and_notifies_the_alertmanager() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in config["scrape_configs"][1:]}
    assert targets.keys() == {"postgres", "redis", "rabbitmq", "node"}
    (alertmanager,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert {target.partition(":")[0] for target in (*targets.values(), alertmanager)} <= COMPOSE.keys()
    assert all((ROOT / "deploy" / "monitoring" / name).exists() for name in config["rule_files"])


def test_every_image_has_a_version() -> None:
    own = (*OWN_PROCESSES, "migrate", "backup")
    images = {name: service["image"] for name, service in COMPOSE.items() if name not in own}
    assert [name for name, image in images.items() if ":" not in image or image.endswith(":latest")] == []


def test_the_images_entrypoint_clears_the_metrics_and_is_never_replaced() -> None:
    image = (ROOT / "Dockerfile").read_text()
    assert re.search(r"ENTRYPOINT .*rm -rf .*PROMETHEUS_MULTIPROC_DIR.* && mkdir -p .*PROMETHEUS_MULTIPROC_DIR", image)
    ours = {name: container for name, _, container in pods() if container["image"] == "heidi"}
    assert ours.keys() == {*SERVICES, "console", "realtime", "worker", "relay", "clock", "migrate"}
    assert [name for name, container in ours.items() if "command" in container] == []
    assert [name for name, service in COMPOSE.items() if "entrypoint" in service] == []


def test_the_image_contains_every_package_that_its_processes_load() -> None:
    copied = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = re.findall(r'"(\w+)\*"', (ROOT / "setup.py").read_text())
    assert "heidi_console" in packages
    assert {*packages, "migrations", "wsgi.py", "gunicorn.conf.py"} - copied == set()


def test_every_setting_reaches_the_processes_under_compose() -> None:
    passed = {name for service in COMPOSE.values() for name in service.get("environment", {})}
    assert set(variables_read()) - passed == {"HEIDI_BASE_PORT"}, "docker assigns names and ports there"
    backup = {declaration.variable for declaration in declarations(BackupSettings).values()}
    assert backup | {"DATABASE_URL", "DATABASE_DIRECT_URL"} == COMPOSE["backup"]["environment"].keys()


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_stopping_processes_have_time_to_finish_their_requests(where: str) -> None:
    gunicorn = WebProcess().graceful_timeout
    nginx = int(re.findall(r"worker_shutdown_timeout (\d+)s", TEMPLATE.read_text())[0])
    if where == "compose":
        seconds = {
            n: int(service.get("stop_grace_period", "10s")[:-1])
            for n, service in COMPOSE.items()
            if n in (*OWN_PROCESSES, "router")
        }
    else:
        seconds = {
            name: pod.get("terminationGracePeriodSeconds", 30) - sleeps(container) for name, pod, container in pods()
        }
        seconds.pop("migrate")
    assert seconds.keys() == {*OWN_PROCESSES, "router"}
    assert min(seconds.values()) > max(gunicorn, nginx)


def test_the_editor_can_debug_every_service_and_process() -> None:
    launch = json.loads((ROOT / ".vscode" / "launch.json").read_text())
    assert launch["inputs"][0]["options"] == list(SERVICES)
    modules = {configuration["module"] for configuration in launch["configurations"]}
    assert modules == {"flask", "workers.main", "workers.relay", "workers.clock", "pytest"}
    assert all(util.find_spec(name) for name in modules)
