"""Variables of other programs do not reach the platform."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heidi_standalone.environment import platform_environment
from heidi_standalone.home.home import Home
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import Ports
from heidi_standalone.servers.postgres import Postgres
from tests.conftest import ROOT

FOREIGN = {
    "PGHOSTADDR": "192.0.2.1",
    "PGPASSFILE": "/nowhere",
    "PGAPPNAME": "other",
    "PGTARGETSESSIONATTRS": "read-only",
    "PIP_PREFIX": "/nowhere",
    "GUNICORN_CMD_ARGS": "--bind 0.0.0.0:80",
    "GUNICORN_FD": "3",
    "LISTEN_PID": "1",
    "LISTEN_FDS": "1",
    "LC_MESSAGES": "tr_TR",
    "LC_ALL": "C",
    "LANGUAGE": "de",
    "PYTHONUTF8": "0",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONHASHSEED": "1",
    "https_proxy": "http://192.0.2.1:1",
    "ALL_PROXY": "socks5://192.0.2.1:1",
    "FLASK_DEBUG": "1",
    "FLASK_RUN_PORT": "1",
    "REDISCLI_AUTH": "x",
    "VALKEY_PASSWORD": "x",
    "dramatiq_prom_port": "1",
    "prometheus_multiproc_dir": "/nowhere",
    "PROMETHEUS_MULTIPROC_DIR": "/nowhere",
    "HEIDI_SERVICE": "auth",
    "BIND": "0.0.0.0:80",
    "MALLOC_PERTURB_": "1",
    "TZ": "America/Vancouver",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_variable_is_not_passed_on(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    platform = StandalonePlatform(home, Ports(), {name: FOREIGN[name]})
    assert platform.env.get(name) == StandalonePlatform(home, Ports(), {}).env.get(name)
    home.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("LOG_LEVEL", level) for level in ("debug", "Warning", "ERROR")],
        ("SMTP_URL", "smtp://mail.test"),
        ("SECRET_KEY_FILE", "/run/secret"),
        ("WEB_CONCURRENCY", "1"),
        ("HEIDI_PORT", "8081"),
        ("SSL_CERT_FILE", "/etc/ca.pem"),
        ("PATH", "/bin"),
    ],
)
def test_settings_and_what_the_system_needs_are_passed_on(name: str, value: str) -> None:
    assert platform_environment({name: value})[name] == value


def test_the_embedded_database_starts_in_a_hostile_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOSTADDR", "PGTARGETSESSIONATTRS", "LC_MESSAGES", "LC_ALL"):
        monkeypatch.setenv(name, FOREIGN[name])
    monkeypatch.setenv("PGDATABASE", "none")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    server = Postgres(tmp_path / "pg", durable=False)
    server.start()
    assert server.is_ready()
    server.stop()


@pytest.mark.parametrize("hostile", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, FOREIGN])
def test_the_launcher_itself_starts_again_without_them(tmp_path: Path, hostile: dict[str, str]) -> None:
    """An invalid setting ends the start early; its message contains a character that ASCII has not."""
    hostile = {name: value for name, value in hostile.items() if not name.startswith(("PYTHONO", "PYTHONW"))}
    env = {"PATH": os.environ["PATH"], "HEIDI_HOME": str(tmp_path / "home"), "LOG_LEVEL": "größer"} | hostile
    command = [sys.executable, "-m", "heidi_standalone"]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=60, check=False)
    assert (run.returncode, "größer" in run.stderr.decode()) == (1, True), run.stderr
