"""The compose files, each combination resolved and checked by Docker Compose itself."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import compose
import pytest

from deploy import new_env
from tests.deploy.manifests import COMPOSE, ROOT

ADDITIONS = sorted(path.name for path in ROOT.glob("docker-compose.*.yml"))
OTHERS = {
    "docker-compose.pgbouncer.yml": {"DATABASE_HOST": "pgbouncer:6432", "DATABASE_DIRECT_HOST": "postgres:5432"},
    "docker-compose.logs.yml": {"LOGS_URL": "https://logs.example.org", "AUDIT_URL": "https://audit.example.org"},
}
PROGRAM = Path(compose.__file__).with_name("docker-compose")
"""The package has a wrapper as well, which hides the exit code."""


@cache
def resolved(*additions: str) -> dict[str, Any]:
    """The services of docker-compose.yml with additions, all profiles included."""
    files = [option for name in ("docker-compose.yml", *additions) for option in ("--file", name)]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | new_env.values()
    for name in additions:
        env |= OTHERS.get(name, {})
    command = [str(PROGRAM), *files, "--profile", "*", "config", "--format", "json"]
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    services: dict[str, Any] = json.loads(result.stdout)["services"]
    return services


@pytest.mark.parametrize(
    "additions", [(), *((name,) for name in ADDITIONS), tuple(ADDITIONS)], ids=lambda each: "+".join(each) or "alone"
)
def test_every_container_has_a_limit_of_memory_and_of_its_log(additions: tuple[str, ...]) -> None:
    services = resolved(*additions)
    assert services.keys() >= COMPOSE.keys()
    for name, service in services.items():
        assert int(service["mem_limit"]) >= 128 * 1024**2, name
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}, name


def test_pgbouncer_is_used_by_all_but_migrations_and_backups() -> None:
    services = resolved("docker-compose.pgbouncer.yml")
    environment = services["core"]["environment"]
    assert "@pgbouncer:6432/heidi" in environment["DATABASE_URL"]
    assert "@postgres:5432/heidi" in environment["DATABASE_DIRECT_URL"]
    assert "@postgres:5432/heidi" in services["backup"]["environment"]["DATABASE_URL"]
    assert services["pgbouncer"]["environment"]["DB_PASSWORD"] in environment["DATABASE_URL"]


def test_wal_is_archived_where_the_backup_process_reads_it() -> None:
    services = resolved("docker-compose.pitr.yml")
    archive = {
        name: next(v for v in services[name]["volumes"] if v["target"] == "/wal")["source"]
        for name in ("postgres", "backup")
    }
    assert archive["postgres"] == archive["backup"]
    assert services["backup"]["environment"]["BACKUP_WAL_FOLDER"] == "/wal"
    assert "max_connections=200" in services["postgres"]["command"]
    assert "archive_mode=on" in services["postgres"]["command"]


def test_a_missing_secret_is_named_with_the_remedy() -> None:
    command = [str(PROGRAM), "--file", "docker-compose.yml", "config", "--quiet"]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "run make .env" in result.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which `make .env` works, with the packages of this environment."""
    for name in ("Makefile", "setup.py", "constraints.txt", "deploy", "heidi_common", "heidi_services"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    return tmp_path


def make_env(folder: Path) -> subprocess.CompletedProcess[str]:
    # Nothing is installed, even if the stamp file is older than setup.py.
    command = ["sh", "-c", "umask 022 && exec make --no-print-directory --old-file .venv/.installed .env"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def test_secrets_are_written_for_their_owner_only_and_never_replaced(checkout: Path) -> None:
    assert "for its owner only" in make_env(checkout).stdout
    file = checkout / ".env"
    written = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {line.partition("=")[0] for line in written.splitlines()} == {*new_env.values()}
    make_env(checkout)
    assert file.read_text() == written


def test_a_redirected_output_is_private_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    with file.open("w") as output:
        subprocess.run([sys.executable, "-m", "deploy.new_env"], cwd=ROOT, stdout=output, check=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_secrets_of_kubernetes_are_written_once(tmp_path: Path) -> None:
    new_env.write_kubernetes(tmp_path)
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert "JWT_PRIVATE_KEYS" not in files["secrets.env"]
    assert new_env.main([str(tmp_path)]) == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files
