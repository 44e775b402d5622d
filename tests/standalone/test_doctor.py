"""flask doctor tells what is there from what is not, and only what is needed makes it fail."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from heidi_common.cli import doctor
from heidi_common.config.settings import Settings
from tests.ports import free_port, free_range


def findings(settings: Settings) -> dict[str, doctor.Finding]:
    return {found.check.name: found for found in doctor.examine(settings)}


def test_what_runs_is_found_with_its_version_and_its_time(app: Flask, settings: Settings) -> None:
    found = findings(settings)
    for name in ("PostgreSQL", "tables", "Redis", "broker", "signing keys", "public keys"):
        assert found[name].ok, found[name].result
        assert found[name].milliseconds >= 0
    assert found["PostgreSQL"].result.startswith("18.")
    assert found["Redis"].result.startswith("valkey 9.")


def test_what_is_away_is_named_with_what_to_do(settings: Settings) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    found = findings(
        replace(
            settings,
            database_url=f"postgresql+psycopg2://x@{nowhere}/x",
            redis_url=f"redis://{nowhere}/0",
            broker_url=f"amqp://{nowhere}/",
            smtp_url=f"smtp://{nowhere}",
            base_port=free_range(),
        )
    )
    assert [name for name, one in found.items() if one.ok] == ["signing keys", "public keys"]
    assert "DATABASE_URL" in found["PostgreSQL"].check.remedy
    assert not found["SMTP"].check.required
    assert not found["service auth"].check.required


def test_keys_that_do_not_belong_together_are_found(settings: Settings) -> None:
    found = findings(replace(settings, jwt_public_keys='{"keys": []}'))
    assert not found["signing keys"].ok


@pytest.mark.parametrize(("value", "expected"), [("", 1), ("nonsense://", 1)])
def test_a_missing_or_wrong_variable_ends_it_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, expected: int
) -> None:
    monkeypatch.setenv("HEIDI_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", value)
    assert doctor.report() == expected
    assert "DATABASE_URL" in capsys.readouterr().err


def test_without_an_environment_it_looks_at_the_standalone_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text("DATABASE_URL='postgresql://from/home'\nSECRET_KEY='a#$b'\n")
    monkeypatch.setenv("HEIDI_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    assert doctor.environment()["DATABASE_URL"] == "postgresql://from/home"
    assert doctor.environment()["SECRET_KEY"] == "a#$b"
