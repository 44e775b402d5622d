"""Docker compose, Kubernetes and the router agree with the code, and with each other."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from heidi_common.config import ConfigError, Settings
from heidi_common.standalone.router import TEMPLATE
from heidi_services import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KUBERNETES = [
    document
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
NAMES_IN_TEMPLATE = set(re.findall(r"\$\{([A-Z]+)\}", TEMPLATE.read_text()))


def test_compose_has_the_seven_services_on_their_ports_and_everything_behind_them() -> None:
    for name, port in SERVICES.items():
        assert COMPOSE[name]["environment"]["HEIDI_SERVICE"] == name
        assert COMPOSE[name]["environment"]["BIND"] == f"0.0.0.0:{port}"
        assert COMPOSE["router"]["environment"][name.upper()].startswith(f"{name}:{port}")
    others = {"worker", "relay", "clock", "migrate", "router", "postgres", "redis", "rabbitmq", "mailpit"}
    assert COMPOSE.keys() == SERVICES.keys() | others


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
