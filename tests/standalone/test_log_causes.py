"""The cause of a failed start, found in the real logs of the programs that failed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heidi_standalone.log_causes import MAX_LINES, cause_in, find_cause
from heidi_standalone.servers.nginx import Router
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests.conftest import ROOT
from tests.ports import free_port


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("shared_buffers = '12 parsecs'", "invalid value for parameter"),
        ("no_such_parameter = 1", "unrecognized configuration parameter"),
        ("hba_file = '/nowhere/pg_hba.conf'", "/nowhere/pg_hba.conf"),
    ],
)
def test_postgresql(tmp_path: Path, line: str, cause: str) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    server.prepare()
    with (tmp_path / "pg" / "postgresql.conf").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(RuntimeError, match=cause):
        server.start()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("maxmemory lots", "maxmemory"),
        ("no-such-directive 1", "no-such-directive"),
        ("aclfile /nowhere/acl", "/nowhere/acl"),
    ],
)
def test_valkey(tmp_path: Path, line: str, cause: str) -> None:
    server = Valkey(tmp_path / "valkey")
    server.prepare()
    with (tmp_path / "valkey" / "valkey.conf").open("a") as file:
        file.write(f"{line}\n")
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(server.command(), stdout=log, stderr=log, timeout=60, check=False)
    assert cause in cause_in(tmp_path / "log")


@pytest.mark.parametrize("line", ["no_such_directive on;", "http { server { listen nowhere:80; } }", "events {"])
def test_nginx(tmp_path: Path, line: str) -> None:
    router = Router(tmp_path / "nginx", free_port(), {})
    (tmp_path / "nginx").mkdir()
    (tmp_path / "nginx").chmod(0o755)
    router.config.write_text(f"daemon off;\n{line}\n")
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(router.command(), stdout=log, stderr=log, timeout=60, check=False)
    assert "nginx.conf:" in cause_in(tmp_path / "log")


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("raise OSError(28, 'No space left on device')", "No space left on device"),
        ("int('x')", "invalid literal for int"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('the last one')", "the last one"),
    ],
)
def test_gunicorn(tmp_path: Path, statement: str, cause: str) -> None:
    (tmp_path / "broken.py").write_text(statement + "\n")
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{free_port()}", "broken:app"]
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(command, cwd=tmp_path, stdout=log, stderr=log, timeout=60, check=False)
    described = cause_in(tmp_path / "log")
    assert cause in described
    assert "Worker failed to boot" not in described


def test_settings_of_a_service(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        env = {"PATH": os.environ["PATH"], "HEIDI_ENV": "moon"}
        subprocess.run([sys.executable, "-m", "workers.relay"], cwd=ROOT, env=env, stderr=log, timeout=60, check=False)
    assert "HEIDI_ENV: 'moon' is not one of" in cause_in(tmp_path / "log")


def test_json_lines_are_readable_and_repetitions_are_left_out() -> None:
    record = {"level": "ERROR", "message": "boom", "exc_info": "Traceback ...\n  x\nValueError: the cause"}
    text = "\n".join([json.dumps(record)] * 30 + ['{"level": "INFO", "message": "bye"}'])
    assert find_cause(text) == "ERROR: boom: ValueError: the cause"


@pytest.mark.parametrize(("text", "cause"), [("", ""), ("\n\n", ""), ("just\nthis", "just\nthis")])
def test_a_log_without_errors_shows_its_end(text: str, cause: str) -> None:
    assert find_cause(text) == cause


def test_a_long_log_is_shortened(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(f"error {number} {'x' * 2000}" for number in range(1000)))
    assert len(cause_in(tmp_path / "log").splitlines()) == MAX_LINES + 2
    assert "empty" in cause_in(tmp_path / "none")
