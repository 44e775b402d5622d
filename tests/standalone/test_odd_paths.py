"""HEIDI_HOME with characters that PostgreSQL, nginx, supervisor, URLs or the shell would misread."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import redis

from heidi_standalone.errors import StartupError
from heidi_standalone.home.home import Home
from heidi_standalone.home.plain_paths import PLAIN, plain_path
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import Ports
from heidi_standalone.preflight import check_machine
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests.conftest import ROOT
from tests.ports import free_port, free_range
from tests.standalone.test_launcher import FIRST_SECONDS, SECONDS, Run

NAMES = {
    "comma": "a,b",
    "semicolon": "a ;b",
    "hash": "a #b",
    "braces": "{a} ${HOME} $uri",
    "percent": "100%20 %(ENV_PATH)s",
    "quotes": 'it\'s "so"',
    "backslash": "a\\nb\\",
    "query": "a?b=c&d@e:f",
    "glob": "[a]*?",
    "line-break": "a\nb",
    "spaces": " a  b ",
    "option": "-rf",
    "umlauts": "Übergröße 東京 🦊",
    "bytes": os.fsdecode(b"\xff\xfe"),
    "long": "x" * 200,
    "deep": "/".join(["level"] * 300),
}
odd = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


@odd
def test_the_servers_start_below_any_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "heidi; home"
    with plain_path(folder) as path:
        assert (bool(PLAIN.fullmatch(str(path))), path.samefile(folder)) == (True, True)
        postgres, valkey = Postgres(path / "postgres", durable=False), Valkey(path / "valkey", password="p" * 20)
        postgres.start()
        valkey.start()
        try:
            psycopg2.connect(postgres.url.replace("+psycopg2", "")).close()
            with redis.Redis.from_url(valkey.url(1)) as client:
                assert client.ping()
        finally:
            postgres.stop()
            valkey.stop()
    assert (folder / "postgres" / "PG_VERSION").exists()


@odd
def test_the_configuration_of_a_platform_is_accepted(tmp_path: Path, name: str) -> None:
    with plain_path(tmp_path / name) as path:
        home = Home(path)
        home.prepare()
        platform = StandalonePlatform(home, Ports(free_port(), free_range()), {})
        platform.router.prepare()
        check_machine(platform)
        nginx = subprocess.run([*platform.router.command(), "-t"], capture_output=True, text=True, check=False)
        assert nginx.returncode == 0, nginx.stderr
        home.close()


@pytest.mark.parametrize("path", ["/srv/heidi", "/home/a.b-c_d+e/.heidi"])
def test_a_plain_path_is_used_as_it_is(path: str) -> None:
    with plain_path(Path(path)) as used:
        assert used == Path(path)


def test_a_link_is_made_anew_if_it_leads_elsewhere(tmp_path: Path) -> None:
    with plain_path(tmp_path / "a b") as path:
        pass
    path.unlink()
    path.symlink_to(tmp_path)
    with plain_path(tmp_path / "a b") as path:
        assert path.samefile(tmp_path / "a b")


@pytest.mark.parametrize("name", ["x" * 256, "/".join(["y" * 250] * 17), "file/below"])
def test_an_impossible_path_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    env = {"PATH": os.environ["PATH"], "HEIDI_HOME": str(tmp_path / name)}
    command = [sys.executable, "-m", "heidi_standalone"]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert ("too long" in run.stderr) or ("Not a directory" in run.stderr)
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("folder", ["/opt/a ;b", "/opt/a #b", "/opt/a\nb", "/opt/ends with "])
def test_a_checkout_that_cannot_work_is_refused_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr("heidi_standalone.preflight.ROOT", Path(folder))
    home = Home(tmp_path / "home")
    home.prepare()
    with pytest.raises(StartupError, match="move the checkout"):
        check_machine(StandalonePlatform(home, Ports(free_port(), free_range()), {}))
    assert not home.postgres.exists()
    home.close()


@pytest.mark.slow
def test_a_whole_platform_starts(tmp_path: Path) -> None:
    base = free_range()
    name = "Größe; " + NAMES["braces"] + NAMES["percent"] + NAMES["quotes"]
    run = Run(tmp_path / name / "home", base + 30, base)
    run.home.parent.mkdir()
    run.start(FIRST_SECONDS)
    try:
        assert (run.home / "admin.txt").exists()
    finally:
        run.process.terminate()
        run.process.wait(SECONDS)
