"""A platform to measure: `flask up` in its own folder, on its own ports."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psycopg2
import requests
from supervisor.xmlrpc import SupervisorTransport

from heidi_common.config.service_registry import SERVICES
from heidi_standalone.ports import Ports, is_free
from heidi_standalone.servers.unix_sockets import socket_folder
from heidi_standalone.supervision.supervisor import SOCKET

ROOT = Path(__file__).parents[1]
PRODUCTION = {
    "HEIDI_ENV": "production",
    "WEB_CONCURRENCY": "2",
    # Requests are counted as usual, but the limits are out of reach, since wrk uses a single address.
    "THROTTLE_ADDRESS_PER_MINUTE": "100000000",
    "THROTTLE_USER_PER_MINUTE": "100000000",
    "ROUTER_CONNECTIONS": "0",
}
"""Two processes for every service, without the exceptions that standalone makes for loopback addresses."""


class Platform:
    """A platform with its processes. With settings, e-mails go to a sink that only counts them."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="heidi-bench-"))
        self.ports = _free_ports()
        self.process: subprocess.Popen[bytes] | None = None
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.external: dict[str, int] = {}
        """Process IDs of servers that a scenario started for the platform, by name."""
        self.settings: dict[str, str] = {}

    def start(self, settings: dict[str, str] | None = None) -> float:
        """Start the platform; returns the seconds until the banner was printed, when every service responds."""
        self.settings = settings or {}
        if settings:
            self.spawn("sink", [sys.executable, "-m", "benchmarks.sink", str(self.sink_port), str(self.mails)], {})
        log = self.home / "up.log"
        log.unlink(missing_ok=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("HEIDI_", "WEB_"))}
        env |= {
            "HEIDI_HOME": str(self.home),
            "HEIDI_BASE_PORT": str(self.ports.base),
            "PYTHONUNBUFFERED": "1",
            "FLASK_SKIP_DOTENV": "1",
        }
        command = [sys.executable, "-m", "flask", "up", "--port", str(self.ports.router)]
        started_at = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env | self._smtp() | self.settings, stdout=output, stderr=output
            )
        while "curl" not in log.read_text():
            if self.process.poll() is not None or time.monotonic() > started_at + 300:
                raise RuntimeError(f"The platform did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)
        return time.monotonic() - started_at

    def _smtp(self) -> dict[str, str]:
        return {"SMTP_URL": f"smtp://127.0.0.1:{self.sink_port}"} if self.settings else {}

    def stop(self) -> None:
        """Stop the processes that this object started."""
        for name in list(self.children):
            self.end(name)
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process = None

    def close(self) -> None:
        """Stop the platform and delete its folder."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def sink_port(self) -> int:
        return self.ports.base + 32

    @property
    def mails(self) -> Path:
        """File of the sink with one line for each e-mail: its arrival in seconds since the epoch."""
        return self.home / "mails.txt"

    def service(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports.service(name)}"

    @property
    def router(self) -> str:
        return f"http://127.0.0.1:{self.ports.router}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of the platform's programs, from the file that `flask -e` reads."""
        file = self.home / "env"
        lines = file.read_text().splitlines() if file.exists() else []
        return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

    @property
    def database(self) -> str:
        return self.env["DATABASE_URL"].replace("postgresql+psycopg2://", "postgresql://")

    def connect(self) -> Any:
        connection = psycopg2.connect(self.database)
        connection.autocommit = True
        return connection

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement; returns its rows, or an empty list if it returns none."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def scalar(self, sql: str, *values: Any) -> Any:
        """Return the first column of the first row."""
        return self.query(sql, *values)[0][0]

    def admin_headers(self) -> dict[str, str]:
        """Sign the administrator in; returns the Authorization header."""
        email, password = (self.home / "admin.txt").read_text().split()
        return self.sign_in(email, password)

    def sign_in(self, email: str, password: str) -> dict[str, str]:
        url = f"{self.service('auth')}/api/v1/auth/login"
        response = requests.post(url, json={"email": email, "password": password}, timeout=30)
        response.raise_for_status()
        return {"Authorization": f"Bearer {response.json()['data']['accessToken']}"}

    def spawn(self, name: str, command: Sequence[str], env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a process with the platform's environment, as far as there is one yet. It ends with `stop`."""
        with (self.home / f"{name}.log").open("ab") as output:
            child = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | self.env | (env or {}), stdout=output, stderr=output
            )
        self.children[name] = child
        return child

    def end(self, name: str) -> None:
        """End a process that `spawn` started."""
        child = self.children.pop(name)
        child.terminate()
        child.wait(30)

    def programs(self) -> dict[str, int]:
        """Return the process ID of each running program of the platform by its name."""
        return {info["name"]: info["pid"] for info in self._supervisor().getAllProcessInfo() if info["pid"]}

    def flask(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        env = os.environ | self.env | {"LOG_FORMAT": "console"}
        subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=900, stdout=subprocess.DEVNULL)

    def pause(self, program: str) -> None:
        self._supervisor().stopProcess(self._qualified(program))

    def resume(self, program: str) -> None:
        self._supervisor().startProcess(self._qualified(program))

    def _qualified(self, program: str) -> str:
        """Return the name of a program with its group, as supervisord expects it."""
        groups = {info["name"]: info["group"] for info in self._supervisor().getAllProcessInfo()}
        return f"{groups[program]}:{program}"

    def _supervisor(self) -> Any:
        transport = SupervisorTransport("", "", f"unix://{socket_folder(self.home / 'run', SOCKET) / SOCKET}")
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor


def wait_until(check: Callable[[], Any], seconds: float, every: float = 0.1) -> bool:
    """Wait for a condition; returns False if it is not met within `seconds`."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def _free_ports() -> Ports:
    """Find a free range of ports, below those that the system uses for outgoing connections."""
    for base in range(20000 + os.getpid() % 200 * 40, 32700, 40):
        ports = Ports(router=base + 30, base=base)
        needed = (*map(ports.service, SERVICES), ports.smtp, ports.router, base + 31, base + 32)
        if all(map(is_free, needed)):
            return ports
    raise SystemExit("No free range of ports between 20000 and 32700.")
