"""`flask up`: bring the platform up, keep it up, take it down."""

import http.client
import shutil
import signal
import subprocess  # nosec B404: runs our own commands
import sys
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import click

from heidi_common.standalone import banner, database
from heidi_common.standalone.checkout import ROOT
from heidi_common.standalone.checkout import SERVICES as NAMES
from heidi_common.standalone.files import write_private
from heidi_common.standalone.platform import Platform
from heidi_common.standalone.ports import require_free
from heidi_common.standalone.program import ROUTER, SERVERS, SERVICES
from heidi_common.standalone.progress import step
from heidi_common.standalone.supervision import Supervisor

NEEDED_BYTES = 300 * 1024 * 1024
PATIENCE_SECONDS = 120
EXITS_BEFORE_GIVING_UP = 3
SILENT_SECONDS = 30
ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StartFailed(Exception):
    """One line that says what to do."""


class Up:
    """One run of the platform, from the check of the ports to the last process's end."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.home = platform, platform.home
        self.supervisor = Supervisor(self.home.run, self.home.logs, ROOT, self._ended)
        self.started = time.monotonic()
        self.serving = False
        self.silent_until: dict[str, float] = {}

    def run(self) -> None:
        """Return when asked to stop; raises StartFailed, PortTaken, OSError (a full disk)."""
        for number in ASKED_TO_STOP:
            signal.signal(number, _interrupt)
        try:
            self._start()
            self._watch()
        except KeyboardInterrupt:
            pass
        finally:
            self._stop()

    def _start(self) -> None:
        self._check_machine()
        with step("Preparing"):
            self.platform.prepare()
        programs = list(self.platform.programs())
        self._write_env()
        self.supervisor.start(programs, self._supervised_environment())
        with step("Starting PostgreSQL, Valkey and the mail sink"):
            self.supervisor.start_group(SERVERS)
            self._wait({"postgres": self._database_answers, "valkey": self._valkey_answers})
        fresh = self._prepare_database()
        with step("Starting the seven services, worker, relay and clock"):
            self.supervisor.start_group(SERVICES)
            self._wait({name: _ready(self.platform.ports.service(name), "/readyz") for name in NAMES})
            self._wait({name: partial(self.supervisor.is_up, name) for name in ("worker", "relay", "clock")})
        with step("Opening the door"):
            self.supervisor.start_group(ROUTER)
            self._wait({"nginx": _ready(self.platform.ports.router, "/api/v1/cities?limit=1")})
        self.serving = True
        banner.show(self.platform, time.monotonic() - self.started, fresh_admin=fresh)

    def _check_machine(self) -> None:
        ports = self.platform.ports
        require_free(ports.router, "the router", "choose another with --port or HEIDI_PORT")
        others = {f"the service {name}": ports.service(name) for name in NAMES}
        others |= {"Valkey": ports.valkey} if self.platform.valkey else {}
        others |= {"the mail sink": ports.smtp} if self.platform.mail else {}
        for what, port in others.items():
            require_free(port, what, "choose another range with HEIDI_BASE_PORT")
        if shutil.disk_usage(self.home.folder).free < NEEDED_BYTES:
            raise StartFailed(f"The disk that holds {self.home.folder} has less than 300 MB left; make room")

    def _write_env(self) -> None:
        """For other commands on the same platform: ``flask -e .heidi/env doctor``."""
        env = self.platform.own | {name: self.platform.env[name] for name in self.platform.own}
        write_private(self.home.env, "".join(f"{name}='{value}'\n" for name, value in env.items()))

    def _supervised_environment(self) -> dict[str, str]:
        """The private keys go to auth alone (see Platform)."""
        return {name: value for name, value in self.platform.env.items() if name != "JWT_PRIVATE_KEYS"}

    def _database_answers(self) -> bool:
        return self.platform.postgres is None or self.platform.postgres.answers()

    def _valkey_answers(self) -> bool:
        return self.platform.valkey is None or self.platform.valkey.answers()

    def _prepare_database(self) -> bool:
        """Tables, an administrator and cities, where they are missing; whether an administrator was made."""
        try:
            missing = database.missing(self.platform.env["DATABASE_URL"])
        except database.Error as error:
            raise StartFailed(f"PostgreSQL at DATABASE_URL cannot be used: {str(error).strip()}") from None
        if missing.migrations:
            with step("Bringing the tables up to date"):
                self._command("flask", "--app", "wsgi", "db", "upgrade")
        if missing.admin:
            with step("Making an administrator"):
                self._command("heidi_common.standalone.administrator", str(self.home.admin))
        if missing.cities:
            with step("Importing 34 thousand cities"):
                self._command("flask", "--app", "wsgi", "cities", "import")
        return missing.admin

    def _command(self, module: str, *arguments: str) -> None:
        log = self.home.logs / "prepare.log"
        env = self._supervised_environment() | {"LOG_FORMAT": "console"}
        with log.open("ab") as output:
            argv = [sys.executable, "-m", module, *arguments]
            child = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=output, stderr=output, process_group=0)  # nosec B603
            try:
                code = child.wait()
            except BaseException:
                child.terminate()
                child.wait()
                raise
        if code:
            last = log.read_text(errors="replace").strip().splitlines()[-1]
            raise StartFailed(f"{' '.join(argv[2:])} failed: {last} (all of it: {log})")

    def _wait(self, checks: dict[str, Callable[[], bool]]) -> None:
        """Until every check has passed once; StartFailed says what a program's log says."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        waiting = dict(checks)
        while waiting:
            waiting = {name: check for name, check in waiting.items() if not check()}
            for name in waiting:
                if self.supervisor.exits[name] >= EXITS_BEFORE_GIVING_UP or time.monotonic() > deadline:
                    said = self.supervisor.last_words(name)
                    raise StartFailed(f"{name} does not start: {said} (all of it: {self.home.logs / name}.log)")
            if not self.supervisor.alive:
                raise StartFailed("The supervisor was ended")
            time.sleep(0.05)

    def _watch(self) -> None:
        """Until a signal comes."""
        while self.supervisor.alive:
            time.sleep(0.5)
        raise StartFailed("The supervisor was ended, and with it everything; start again")

    def _ended(self, name: str, how: str) -> None:
        """Say so, but not over and over of a program that cannot live."""
        silent_until = self.silent_until.get(name, 0.0)
        if not self.serving or time.monotonic() < silent_until:
            return
        self.silent_until[name] = time.monotonic() + SILENT_SECONDS
        click.echo(
            f"{time.strftime('%H:%M:%S')} {name} ended ({how}) and is started again; see {self.home.logs / name}.log"
        )

    def _stop(self) -> None:
        for number in ASKED_TO_STOP:
            signal.signal(number, signal.SIG_IGN)
        if self.supervisor.alive:
            click.echo("")
            with step("Stopping"):
                self.supervisor.stop()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ready(port: int, path: str) -> Callable[[], bool]:
    def check() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check
