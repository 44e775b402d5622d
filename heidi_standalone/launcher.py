"""`flask up`: start the platform, watch it, stop it."""

import signal
import time
from functools import partial
from pathlib import Path
from types import FrameType

from heidi_common.config.service_registry import SERVICES
from heidi_common.server.heartbeat_files import ROLES, STALE_SECONDS, file_age, running_files
from heidi_standalone.banner import print_banner
from heidi_standalone.errors import StartupError
from heidi_standalone.home.disk_reserve import DiskReserve
from heidi_standalone.home.private_files import write_private
from heidi_standalone.paths import ROOT
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.preflight import check_machine
from heidi_standalone.preparation.bootstrap import BootstrapCommands
from heidi_standalone.preparation.pending_steps import find_pending_steps
from heidi_standalone.progress import echo, step
from heidi_standalone.readiness import is_ready, wait_until_ready
from heidi_standalone.supervision.supervisor import Supervisor

RESTART_REPORT_SECONDS = 30
HEARTBEAT_CHECK_SECONDS = 10
ENV_COMMENT = "# For commands on this platform. Each start overwrites it: pass settings to `make run` as variables."
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Launcher:
    """One run of the platform, from the check of the machine to the end of the last process."""

    def __init__(self, platform: StandalonePlatform) -> None:
        self.platform, self.home = platform, platform.home
        self.supervisor = Supervisor(self.home.run, self.home.logs, ROOT, self._report_exit)
        self.started = time.monotonic()
        self.serving = False
        self.reserve = DiskReserve(self.home.folder)
        self.silent_until: dict[str, float] = {}

    def run(self) -> None:
        """Run the platform; return when asked to stop.

        Raises:
            StartupError: The platform cannot start, or its supervisor was stopped.
            OSError: For example, the disk is full.
        """
        for number in STOP_SIGNALS:
            signal.signal(number, _interrupt)
        try:
            self._start()
            self._watch()
        except KeyboardInterrupt:
            pass
        finally:
            self._stop()

    def _start(self) -> None:
        check_machine(self.platform)
        with step("Preparing files and folders"):
            self.platform.prepare()
        self._watch_disk()
        self._write_env()
        self.supervisor.start(self._supervised_environment())
        self._start_servers()
        admin_created = self._prepare_database()
        self._write_env()  # with the machine client of core, which the first start creates
        self._start_services()
        with step("Starting the router"):
            self.supervisor.launch(self.platform.router_programs())
            wait_until_ready(self.supervisor, {"nginx": partial(is_ready, self.platform.ports.router, "/healthz")})
        self.serving = True
        print_banner(self.platform, time.monotonic() - self.started, admin_created=admin_created)

    def _start_servers(self) -> None:
        servers = list(self.platform.servers())
        names = ", ".join(server.name for server in servers)
        with step(f"Starting {names}" if names else "Starting no servers: all of them are external"):
            self.supervisor.launch(servers)
            embedded = {"postgres": self.platform.postgres, "valkey": self.platform.valkey}
            wait_until_ready(self.supervisor, {name: server.is_ready for name, server in embedded.items() if server})

    def _start_services(self) -> None:
        ports = self.platform.ports
        with step("Starting the services, worker, relay and clock"):
            self.supervisor.launch([*self.platform.services(), *self.platform.console()])
            services = {name: partial(is_ready, ports.service(name), "/readyz") for name in SERVICES}
            services["realtime"] = partial(is_ready, ports.realtime, "/readyz")
            if self.platform.has_console:
                services["console"] = partial(is_ready, ports.console, "/readyz")
            workers = {name: partial(self.supervisor.is_up, name) for name in ("worker", "relay", "clock")}
            wait_until_ready(self.supervisor, services)
            wait_until_ready(self.supervisor, workers)

    def _write_env(self) -> None:
        """Write the settings for other commands on the same platform: `flask -e .heidi/env doctor`."""
        own = {"HEIDI_HOME": str(self.home.folder.absolute()), "JWT_PRIVATE_KEYS": self.platform.private_keys}
        env = self.platform.stored_env | own | self.home.core_client()
        lines = (f"{name}='{_escaped(value)}'\n" for name, value in env.items())
        write_private(self.home.env, f"{ENV_COMMENT}\n{''.join(lines)}")

    def _supervised_environment(self) -> dict[str, str]:
        """What all programs share. Only auth gets the private keys (see StandalonePlatform)."""
        return {name: value for name, value in self.platform.env.items() if name != "JWT_PRIVATE_KEYS"}

    def _prepare_database(self) -> bool:
        """Run what the database still needs; True if an administrator was created."""
        client_id = self.home.core_client().get("CORE_CLIENT_ID")
        pending = find_pending_steps(self.platform.env["DATABASE_URL"], client_id)
        env = self._supervised_environment() | {"JWT_PRIVATE_KEYS": self.platform.private_keys}
        commands = BootstrapCommands(env, self.home.logs / "prepare.log")
        return commands.run(pending, admin_file=self.home.admin, client_file=self.home.client)

    def _watch(self) -> None:
        checked_at = time.monotonic()
        while self.supervisor.alive:
            time.sleep(0.5)
            self._watch_disk()
            if time.monotonic() - checked_at > HEARTBEAT_CHECK_SECONDS:
                checked_at = time.monotonic()
                self._restart_hung()
        raise StartupError("The supervisor was stopped and took all processes with it. Run the command again.")

    def _watch_disk(self) -> None:
        if self.platform.postgres:
            self.reserve.watch(self.platform.postgres.is_ready)

    def _restart_hung(self) -> None:
        """Restart the worker, relay or clock if its process hangs. Their files suffice: this is their machine."""
        folder = Path(self.platform.env["HEARTBEAT_FOLDER"])
        for role in ROLES:
            if any(file_age(file) > STALE_SECONDS for file in running_files(role, folder).values()):
                echo(f"{time.strftime('%H:%M:%S')} {role} hangs and is being restarted")
                self.supervisor.restart(role)

    def _report_exit(self, name: str, reason: str) -> None:
        """Report a restart, but not repeatedly for a program that keeps failing."""
        now = time.monotonic()
        if not self.serving or now < self.silent_until.get(name, 0.0):
            return
        self.silent_until[name] = now + RESTART_REPORT_SECONDS
        log = self.home.logs / f"{name}.log"
        echo(f"{time.strftime('%H:%M:%S')} {name} exited ({reason}) and is being restarted; see {log}")

    def _stop(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if self.supervisor.alive:
            echo("")
            with step("Stopping"):
                self.supervisor.stop()


def _escaped(value: str) -> str:
    """A value between single quotes in an `env` file."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
