""".env.example and docker-compose.yml name only variables that exist, with the defaults that are declared."""

from __future__ import annotations

import re

import pytest

from heidi_common.config.declaration import declarations
from heidi_common.config.sections.processes import LocalPlatform, WebProcess
from heidi_common.config.settings import Settings
from tests.deploy.manifests import COMPOSE, OWN_PROCESSES, ROOT

COMPOSE_FILES = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", "docker-compose.tls.yml"))
EXAMPLE = (ROOT / ".env.example").read_text()
SETTINGS = {item.variable: item for item in declarations(Settings).values()}
DECLARED = {*SETTINGS, *(item.variable for kind in (WebProcess, LocalPlatform) for item in declarations(kind).values())}
OTHER_DEFAULTS = {"SMTP_URL": "smtp://mailpit:1025", "PUBLIC_BASE_URL": "http://localhost:8080"}
"""Where compose deliberately differs from the code: it has its own mail sink and router."""


def example_names() -> set[str]:
    """All variables of .env.example, those in comments included."""
    return set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", EXAMPLE, re.MULTILINE))


def taken_from_env() -> dict[str, set[str]]:
    """Variable -> the defaults with which the compose files take it from `.env`."""
    defaults: dict[str, set[str]] = {}
    for name, default in re.findall(r"\$\{([A-Z_]+)(?::-([^}]*))?", COMPOSE_FILES):
        defaults.setdefault(name, set()).add(default)
    return defaults


def test_every_variable_of_the_example_is_a_setting_or_is_read_by_compose() -> None:
    assert {"SECRET_KEY", "CORS_ORIGINS", "TLS_FOLDER"} <= example_names()
    assert example_names() - DECLARED - taken_from_env().keys() - {"COMPOSE_FILE"} == set()


def test_every_setting_of_the_example_reaches_the_processes() -> None:
    assert (example_names() & SETTINGS.keys()) - taken_from_env().keys() == set()


@pytest.mark.parametrize("name", [*OWN_PROCESSES, "migrate"])
def test_compose_gives_processes_only_variables_that_are_declared(name: str) -> None:
    assert COMPOSE[name]["environment"].keys() - DECLARED == set()


COMPUTED = {"DATABASE_DIRECT_URL": "DATABASE_DIRECT_HOST", "TRUSTED_PROXIES": "SUBNET"}
"""Settings that compose makes of variables of its own: the host beside its password, the network of the containers."""


def test_a_setting_is_passed_through_by_its_own_name() -> None:
    variables = {name: value for service in OWN_PROCESSES for name, value in COMPOSE[service]["environment"].items()}
    passed = {name: re.match(r"\$\{([A-Z_]+)", str(value)) for name, value in variables.items()}
    assert {name: match[1] for name, match in passed.items() if match and match[1] != name} == COMPUTED


def test_the_defaults_of_compose_are_those_of_the_code() -> None:
    defaults = [(name, value) for name, values in taken_from_env().items() for value in values if value]
    settings = [(name, value) for name, value in defaults if name in SETTINGS]
    assert ("LOG_LEVEL", "INFO") in settings
    assert settings == [(name, OTHER_DEFAULTS.get(name, SETTINGS[name].default)) for name, _ in settings]
