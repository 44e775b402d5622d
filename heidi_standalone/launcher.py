"""`flask up`: bring the platform up, keep it up, take it down."""

import signal
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import click

from heidi_common.config.service_registry import SERVICES as NAMES
from heidi_standalone import banner, bootstrap, preflight
from heidi_standalone.errors import CannotRun
from heidi_standalone.paths import ROOT
from heidi_standalone.platform import Platform
from heidi_standalone.private_files import write_private
from heidi_standalone.progress import step
from heidi_standalone.readiness import answers
from heidi_standalone.supervision.supervisor import Supervisor

PATIENCE_SECONDS = 120
EXITS_BEFORE_GIVING_UP = 3
SILENT_SECONDS = 30
ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Up:
    """One run of the platform, from the check of the ports to the last process's end."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.home = platform, platform.home
        self.supervisor = Supervisor(self.home.run, self.home.logs, ROOT, self._ended)
        self.started = time.monotonic()
        self.serving = False
        self.silent_until: dict[str, float] = {}

    def run(self) -> None:
        """Return when asked to stop; raises CannotRun, or OSError (a full disk)."""
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
        preflight.check(self.platform)
        with step("Preparing"):
            self.platform.prepare()
        self._write_env()
        self.supervisor.start(self._supervised_environment())
        servers = list(self.platform.servers())
        with step(f"Starting {', '.join(server.name for server in servers) or 'nothing: every server is given'}"):
            self.supervisor.launch(servers)
            self._wait({"postgres": self._database_answers, "valkey": self._valkey_answers})
        fresh = self._prepare_database()
        with step("Starting the seven services, worker, relay and clock"):
            self.supervisor.launch(self.platform.services())
            self._wait({name: partial(answers, self.platform.ports.service(name), "/readyz") for name in NAMES})
            self._wait({name: partial(self.supervisor.is_up, name) for name in ("worker", "relay", "clock")})
        with step("Opening the door"):
            self.supervisor.launch(self.platform.door())
            self._wait({"nginx": partial(answers, self.platform.ports.router, "/healthz")})
        self.serving = True
        banner.show(self.platform, time.monotonic() - self.started, fresh_admin=fresh)

    def _write_env(self) -> None:
        """For other commands on the same platform: ``flask -e .heidi/env doctor``."""
        env = {name: self.platform.env[name] for name in self.platform.own}
        env["JWT_PRIVATE_KEYS"] = self.platform.private_keys
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
            client_id = self.home.core_client().get("CORE_CLIENT_ID")
            missing = bootstrap.missing(self.platform.env["DATABASE_URL"], client_id)
        except bootstrap.Error as error:
            raise CannotRun(f"PostgreSQL at DATABASE_URL cannot be used: {str(error).strip()}") from None
        return self._give(missing)

    def _give(self, missing: bootstrap.Missing) -> bool:
        env = self._supervised_environment() | {"JWT_PRIVATE_KEYS": self.platform.private_keys}
        commands, made = bootstrap.Commands(env, self.home.logs / "prepare.log"), False
        if missing.migrations:
            with step("Bringing the tables up to date"):
                commands.migrate()
        if missing.admin:
            with step("Looking for an administrator"):
                made = commands.make_admin(self.home.admin)
        if missing.client:
            with step("Giving core its credentials"):
                commands.make_client(self.home.client)
        if missing.cities:
            with step("Importing 34 thousand cities"):
                commands.import_cities()
        return made

    def _wait(self, checks: dict[str, Callable[[], bool]]) -> None:
        """Until every check has passed once; CannotRun says what a program's log says."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        waiting = dict(checks)
        while waiting:
            waiting = {name: check for name, check in waiting.items() if not check()}
            for name in waiting:
                if self.supervisor.exits[name] >= EXITS_BEFORE_GIVING_UP or time.monotonic() > deadline:
                    said = self.supervisor.last_words(name)
                    raise CannotRun(f"{name} does not start: {said} (all of it: {self.home.logs / name}.log)")
            if not self.supervisor.alive:
                raise CannotRun("The supervisor was ended")
            time.sleep(0.05)

    def _watch(self) -> None:
        """Until a signal comes."""
        while self.supervisor.alive:
            time.sleep(0.5)
        raise CannotRun("The supervisor was ended, and with it everything; start again")

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
