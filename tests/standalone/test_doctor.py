"""`flask doctor` reports what is available and what is not; only required dependencies make it fail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from tzdata import IANA_VERSION

from heidi_common.cli import doctor
from heidi_common.config.sections.processes import environment
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.metrics.heartbeat import Heartbeat
from heidi_services.auth.service import clients
from tests.ports import free_port, free_range


def findings(settings: Settings) -> dict[str, doctor.Finding]:
    return {finding.check.name: finding for finding in doctor.examine(settings)}


def test_available_dependencies_are_reported_with_version_and_duration(app: Flask, settings: Settings) -> None:
    by_name = findings(settings)
    for name in ("PostgreSQL", "tables", "Redis", "broker", "time zone rules", "signing keys", "public keys"):
        assert by_name[name].ok, by_name[name].result
        assert by_name[name].milliseconds >= 0
    assert by_name["PostgreSQL"].result.startswith("18.")
    assert by_name["time zone rules"].result.startswith(f"{IANA_VERSION}, package tzdata ")
    assert by_name["Redis"].result.startswith("valkey 9.")


def test_unavailable_dependencies_are_reported_with_a_remedy(settings: Settings) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    by_name = findings(
        replace(
            settings,
            database_url=f"postgresql+psycopg2://x@{nowhere}/x",
            redis_url=f"redis://{nowhere}/0",
            broker_url=f"amqp://{nowhere}/",
            smtp_url=f"smtp://{nowhere}",
            base_port=free_range(),
        )
    )
    assert [name for name, finding in by_name.items() if finding.ok] == [
        "time zone rules",
        "signing keys",
        "public keys",
        "file storage",
    ]
    assert "DATABASE_URL" in by_name["PostgreSQL"].check.remedy
    assert not by_name["SMTP"].check.required
    assert not by_name["service auth"].check.required


def test_dropped_tables_are_reported(app: Flask, settings: Settings) -> None:
    with transaction():
        db.session.execute(text("ALTER TABLE stored_objects RENAME TO stored_objects_of_yesterday"))
    try:
        finding = findings(settings)["tables"]
    finally:
        with transaction():
            db.session.execute(text("ALTER TABLE stored_objects_of_yesterday RENAME TO stored_objects"))
    assert not finding.ok and finding.result.endswith("but these were dropped: stored_objects")


def test_background_processes_without_a_recent_heartbeat_are_reported(app: Flask, settings: Settings) -> None:
    now = utcnow()
    beats = {"relay": now, "clock": now - timedelta(minutes=5)}
    with transaction():
        for number, (role, beat_at) in enumerate(beats.items()):
            db.session.add(Heartbeat(role=role, host="a", process_id=number, started_at=now, beat_at=beat_at))
    finding = findings(settings)["background"]
    assert not finding.ok and not finding.check.required
    assert finding.result == "no heartbeat within 60 s of: clock, worker"
    with transaction():
        for number, role in enumerate(("clock", "worker"), 10):
            db.session.add(Heartbeat(role=role, host="b", process_id=number, started_at=now, beat_at=now))
    assert findings(settings)["background"].ok


def test_keys_that_do_not_match_are_reported(settings: Settings) -> None:
    by_name = findings(replace(settings, jwt_public_keys='{"keys": []}'))
    assert not by_name["signing keys"].ok


def test_unknown_scopes_and_those_that_core_lacks_are_reported(
    app: Flask, settings: Settings, as_client: Callable[..., dict[str, str]]
) -> None:
    assert findings(settings)["machine clients"].result == "0 clients"
    as_client("users:read", "reports:read", "cities:write")
    client_id = clients.create_client("core", ["notifications:write"], actor=None)["id"]
    finding = findings(replace(settings, core_client_id=str(client_id)))["machine clients"]
    assert not finding.ok and not finding.check.required
    assert "machine: cities:write, reports:read grants nothing" in finding.result
    missing = "integrations:read, integrations:write, users:read, users:write"
    assert f"the client in CORE_CLIENT_ID lacks {missing}" in finding.result


@pytest.mark.parametrize(("value", "expected"), [("", 1), ("nonsense://", 1)])
def test_a_missing_or_invalid_variable_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, expected: int
) -> None:
    monkeypatch.setenv("HEIDI_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", value)
    assert doctor.report() == expected
    assert "DATABASE_URL" in capsys.readouterr().err


def test_without_an_environment_it_checks_the_standalone_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text("DATABASE_URL='postgresql://from/home'\nSECRET_KEY='a#$b'\n")
    monkeypatch.setenv("HEIDI_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    assert environment()["DATABASE_URL"] == "postgresql://from/home"
    assert environment()["SECRET_KEY"] == "a#$b"
