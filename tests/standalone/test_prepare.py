"""`flask prepare` migrates and imports what is missing, and ends without loading the platform if nothing is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from flask import Flask
from sqlalchemy import text

from heidi_common.cli import doctor_checks
from heidi_common.config.settings import Settings
from heidi_common.database import role_settings, schema_version
from heidi_common.database.dsn import psycopg2_dsn
from heidi_common.database.session import db
from heidi_common.database.transactions import reading
from heidi_common.metrics import health
from heidi_services.city.service import shipped_sets
from heidi_standalone.preparation import prepare
from tests.conftest import ROOT
from tests.deploy.manifests import COMPOSE, KUBERNETES

NEWEST = schema_version.compare(None).newest
LIST_MODULES = """
import sys, heidi_standalone.preparation.prepare as prepare
code = prepare.main()
print([name for name in ("sqlalchemy", "heidi_common.app", "alembic", "redis") if name in sys.modules])
sys.exit(code)
"""
ADD_CITY = """
INSERT INTO cities (id, name, country, latitude, longitude, version, created_at, updated_at)
VALUES (gen_random_uuid(), 'Bern', 'CH', 46.9, 7.4, 1, now(), now())
"""


def run(settings: Settings) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": settings.database_url}
    return subprocess.run(
        [sys.executable, "-c", LIST_MODULES], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[tuple[str, ...]]:
    """The flask commands that are run; they do nothing."""
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(prepare, "_flask", lambda _env, *command: commands.append(command) or 0)
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    return commands


def set_revision(value: str) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :value"), {"value": value})


@pytest.fixture
def four_migrations_behind(app: Flask) -> object:
    older = f"{int(NEWEST) - 4:04d}"
    set_revision(older)
    yield older
    set_revision(NEWEST)


def test_nothing_is_loaded_if_nothing_is_missing(app: Flask, settings: Settings, steps: list[tuple[str, ...]]) -> None:
    prepare.main()
    assert steps == [("cities", "import")]
    with db.engine.begin() as connection:
        connection.execute(text(ADD_CITY))
    shipped_sets.record_import(15000)
    result = run(settings)
    assert result.returncode == 0, result.stderr
    line, modules = result.stdout.splitlines()
    assert json.loads(line)["message"] == f"The schema has migration {NEWEST}, and the cities are current"
    assert modules == "[]"


def test_missing_migrations_are_applied_first(four_migrations_behind: str, steps: list[tuple[str, ...]]) -> None:
    assert prepare.main() == 0
    assert steps == [("db", "upgrade"), ("cities", "import")]


def test_nothing_is_imported_after_a_failed_migration(
    four_migrations_behind: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setattr(prepare, "_flask", lambda _env, *command: 3 if command[0] == "db" else pytest.fail("imported"))
    assert prepare.main() == 3


def test_an_unavailable_database_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "WAIT_SECONDS", 0)
    monkeypatch.setenv("DATABASE_URL", "postgresql://x@127.0.0.1:1/x")
    with pytest.raises(click.ClickException, match="DATABASE_URL is unavailable"):
        prepare.main()


def test_behind_pgbouncer_the_role_gets_the_time_limits_of_sessions(
    scratch: Flask, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    url = scratch.config["SQLALCHEMY_DATABASE_URI"]
    monkeypatch.setenv("DATABASE_DIRECT_URL", url)
    monkeypatch.setenv("REQUEST_TIME_LIMIT", "7")
    monkeypatch.setattr(prepare, "_cities_are_current", lambda _dsn: True)
    prepare.main()
    assert "settings of the role" in capsys.readouterr().out
    assert role_settings.differences(psycopg2_dsn(url), role_settings.session_parameters(7)) == {}


def test_doctor_and_readiness_notice_missing_migrations(
    app: Flask, settings: Settings, four_migrations_behind: str
) -> None:
    with pytest.raises(doctor_checks.CheckFailed, match=f"{four_migrations_behind}; 4 migrations are missing"):
        doctor_checks._tables(settings)
    (check,) = (check for check in doctor_checks.CHECKS if check.name == "tables")
    assert "make migrate" in check.remedy and "rollout.sh" in check.remedy
    response = app.test_client().get("/readyz")
    assert (response.status_code, response.get_json()["dependencies"]["schema"]["error"]) == (503, "SchemaBehind")


def test_the_schema_of_a_later_version_can_be_used(app: Flask, settings: Settings) -> None:
    set_revision("9999")
    try:
        with reading() as connection:
            health.check_schema(connection)
        assert doctor_checks._tables(settings) == "migration 9999, of a later version"
    finally:
        set_revision(NEWEST)
    assert doctor_checks._tables(settings) == f"migration {NEWEST}"


def test_a_database_without_tables_is_named(scratch: Flask, settings: Settings) -> None:
    empty = replace(settings, database_url=scratch.config["SQLALCHEMY_DATABASE_URI"])
    with pytest.raises(doctor_checks.CheckFailed, match="no migration has been applied"):
        doctor_checks._tables(empty)


def test_all_deployments_prepare_the_database_before_they_start() -> None:
    assert COMPOSE["migrate"]["command"] == ["flask", "prepare"]
    (job,) = (item for item in KUBERNETES if item["kind"] == "Job")
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["flask", "prepare"]


def test_the_image_is_built_once_and_has_all_packages() -> None:
    assert [name for name, service in COMPOSE.items() if "build" in service] == ["migrate", "backup"]
    copied = set((ROOT / ".dockerignore").read_text().split())
    packages = {path.parent.name for path in Path(ROOT).glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert {f"!{name}" for name in packages} <= copied
