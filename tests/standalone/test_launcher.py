"""`flask up` as users run it: it starts from an empty folder, survives kill -9 and leaves no processes behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dotenv import dotenv_values

from tests.polling import until
from tests.ports import free_range

ROOT = Path(__file__).parents[2]
# The first start imports the cities, and other tests keep the machine busy.
FIRST_SECONDS, SECONDS = 240, 120
pytestmark = pytest.mark.slow


class Run:
    """One `flask up`."""

    def __init__(self, home: Path, port: int, base: int) -> None:
        self.home, self.port, self.base = home, port, base

    def start(self, seconds: float) -> None:
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env |= {"HEIDI_HOME": str(self.home), "HEIDI_PORT": str(self.port), "HEIDI_BASE_PORT": str(self.base)}
        self.output = self.home.with_name("output.txt")
        with self.output.open("w") as output:
            command = [sys.executable, "-m", "heidi_standalone"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        until(lambda: "Press Ctrl-C" in self.printed or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.printed

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def named(self, text: str) -> list[psutil.Process]:
        return [process for process in self.processes() if text in command_of(process)]


def command_of(process: psutil.Process) -> str:
    """Its command line; empty if it has ended since it was listed."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def addresses_of(process: psutil.Process) -> set[str]:
    """The addresses it listens on; none if it has ended since it was listed."""
    try:
        connections = process.net_connections()
    except psutil.NoSuchProcess:
        return set()
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def kilobytes_of(process: psutil.Process) -> int:
    """Its share of the memory; 0 if it has ended since it was listed."""
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(share) for share in re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    base = free_range()
    run = Run(tmp_path_factory.mktemp("up") / "home", base + 30, base)
    run.start(FIRST_SECONDS)
    yield run
    if run.process.poll() is None:
        run.process.send_signal(signal.SIGINT)
        run.process.wait(SECONDS)


def test_the_curl_lines_of_the_banner_work(run: Run) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    lines = re.findall(r"^  (curl .*)$", run.printed, re.MULTILINE)
    assert len(lines) == 3
    cities, signed_in, status = (
        json.loads(subprocess.run(["sh", "-c", f"{line} -sS"], capture_output=True, check=True).stdout)["data"]
        for line in lines
    )
    assert cities[0]["country"] == "CH"
    assert signed_in["user"]["role"] == "ADMIN"
    assert status["status"] == "up"


def test_the_administrators_password_is_printed_and_stored_for_its_owner_only(run: Run) -> None:
    file = run.home / "admin.txt"
    email, password = file.read_text().splitlines()
    assert password in run.printed
    assert "@" in email
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_supervisors_command_knows_the_programs(run: Run) -> None:
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(run.home / "run" / "supervisord.conf")]
    result = subprocess.run([*command, "status", "services:relay"], capture_output=True, text=True, check=False)
    assert result.stdout.split()[:2] == ["services:relay", "RUNNING"], result


def test_a_worker_that_an_operator_starts_has_the_machine_client_of_core(run: Run) -> None:
    env = dotenv_values(run.home / "env")
    assert json.loads((run.home / "core-client.json").read_text()).items() <= env.items()
    assert env["HEIDI_HOME"] == str(run.home)


def test_nothing_listens_beyond_this_machine(run: Run) -> None:
    assert set().union(*map(addresses_of, run.processes())) == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["workers.relay", "workers.clock", "workers.main", "heidi-users", "nginx: master"])
def test_a_killed_program_is_restarted_and_leaves_no_processes(run: Run, name: str) -> None:
    master = min(run.named(name), key=lambda process: process.create_time())
    family = [master, *master.children(recursive=True)]
    master.kill()
    assert psutil.wait_procs(family, timeout=SECONDS)[1] == []
    until(lambda: bool(run.named(name)), SECONDS)


def test_it_needs_less_than_1200_megabytes(run: Run) -> None:
    until(lambda: len(run.named("gunicorn: worker")) >= 7, SECONDS)
    total = sum(kilobytes_of(process) for process in (psutil.Process(run.process.pid), *run.processes()))
    assert 100 < total / 1024 < 1200


def test_ctrl_c_leaves_no_process_and_the_next_start_finds_the_data(run: Run) -> None:
    before, admin = run.processes(), (run.home / "admin.txt").read_text()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(SECONDS) == 0
    assert psutil.wait_procs(before, timeout=SECONDS)[1] == []
    run.start(SECONDS)
    assert "Importing" not in run.printed
    assert (run.home / "admin.txt").read_text() == admin
    assert admin.splitlines()[1] not in run.printed


def test_all_processes_end_when_the_launcher_is_killed(run: Run) -> None:
    before = run.processes()
    run.process.kill()
    run.process.wait()
    _, alive = psutil.wait_procs(before, timeout=SECONDS)
    assert alive == []


def test_a_port_in_use_is_reported_in_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", run.port)), pytest.raises(AssertionError):
        run.start(SECONDS)
    assert run.process.returncode == 1
    assert run.printed.strip().splitlines() == [
        f"Error: Port {run.port} for the router cannot be used: Address already in use. "
        "Choose another one with --port or HEIDI_PORT."
    ]
