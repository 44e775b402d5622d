"""What a standalone platform consists of: its environment and its programs."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from heidi_common.config.service_registry import SERVICES as NAMES
from heidi_standalone.home import Home
from heidi_standalone.ports import Ports
from heidi_standalone.servers.nginx import Router
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from heidi_standalone.supervision.program import ROUTER, SERVERS, SERVICES, Program

BUSY = ("auth", "users", "city", "notification")
"""Two processes each; the others have one."""


class Platform:
    """`given` is the environment we were started in: what it says wins, and a server it names is not started here."""

    def __init__(self, home: Home, ports: Ports, given: Mapping[str, str]) -> None:
        secrets = home.secrets()
        self.home, self.ports = home, ports
        self.postgres = None if given.get("DATABASE_URL") else Postgres(home.postgres)
        redis_needed = not (given.get("REDIS_URL") and given.get("BROKER_URL"))
        self.valkey = Valkey(home.valkey, password=secrets["VALKEY_PASSWORD"]) if redis_needed else None
        self.mail = not given.get("SMTP_URL")
        self.router = Router(home.nginx, ports.router, {name: f"127.0.0.1:{ports.service(name)}" for name in NAMES})
        self.private_keys = given.get("JWT_PRIVATE_KEYS") or str(home.private_keys)
        self.own = self._environment(secrets)
        self.env = self.own | {name: value for name, value in given.items() if value}

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.ports.router}"

    def prepare(self) -> None:
        """Everything on disk that the programs expect."""
        if self.postgres:
            self.postgres.prepare()
        if self.valkey:
            self.valkey.prepare()
        self.router.prepare()
        for name in NAMES:
            _empty(self.home.metrics / name)

    def servers(self) -> Iterator[Program]:
        """What the services depend on, as far as it is not given."""
        if self.postgres:
            yield Program("postgres", SERVERS, self.postgres.command(), stop_signal="INT", stop_seconds=30)
        if self.valkey:
            yield Program("valkey", SERVERS, self.valkey.command(), stop_seconds=30)
        if self.mail:
            options = (str(self.home.mail), str(self.ports.smtp))
            yield Program("mail", SERVERS, _module("heidi_standalone.servers.mail_sink", *options))

    def services(self) -> Iterator[Program]:
        """The seven, and what works behind them; once the database is prepared."""
        client = self.home.core_client()
        for name in NAMES:
            yield Program(name, SERVICES, _module("gunicorn"), self._service_environment(name, client))
        few = ("--processes", "1", "--threads", "8", "--worker-shutdown-timeout", "15000")
        worker = _module("dramatiq", "workers.main:setup", *few)
        yield Program("worker", SERVICES, worker, client, stop_seconds=20)
        yield Program("relay", SERVICES, _module("workers.relay"))
        yield Program("clock", SERVICES, _module("workers.clock"))

    def door(self) -> Iterator[Program]:
        """The router; once the services are ready."""
        yield Program("nginx", ROUTER, self.router.command())

    def _environment(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """What all programs are told; keys to sign with are not among it."""
        env = {
            "HEIDI_ENV": "standalone",
            "HEIDI_PORT": str(self.ports.router),
            "HEIDI_BASE_PORT": str(self.ports.base),
            "PUBLIC_BASE_URL": self.base_url,
            "SECRET_KEY": secrets["SECRET_KEY"],
            "ENCRYPTION_KEYS": secrets["ENCRYPTION_KEYS"],
            "JWT_PUBLIC_KEYS": str(self.home.public_keys),
            "OUTBOUND_ALLOW_NETS": "127.0.0.0/8",
            "DATABASE_POOL_SIZE": "4",
            "DATABASE_MAX_OVERFLOW": "0",
            "SMTP_URL": f"smtp://127.0.0.1:{self.ports.smtp}",
            "MALLOC_ARENA_MAX": "2",
        }
        if self.postgres:
            env["DATABASE_URL"] = self.postgres.url
        if self.valkey:
            env["REDIS_URL"] = self.valkey.url()
            # A database of its own, so that emptying the cache loses no message.
            env["BROKER_URL"] = self.valkey.url(database=1)
        return env

    def _service_environment(self, name: str, client: Mapping[str, str]) -> dict[str, str]:
        env = {
            "HEIDI_SERVICE": name,
            "BIND": f"127.0.0.1:{self.ports.service(name)}",
            "WEB_CONCURRENCY": self.env.get("WEB_CONCURRENCY") or ("2" if name in BUSY else "1"),
            "PROMETHEUS_MULTIPROC_DIR": str(self.home.metrics / name),
            "GRACEFUL_TIMEOUT": "5",
        }
        if name == "auth":
            env["JWT_PRIVATE_KEYS"] = self.private_keys
        if name == "core":
            env |= client
        return env


def _module(name: str, *options: str) -> list[str]:
    """Forked by our `supervisord`, which also ties its life to its own."""
    return [sys.executable, "-m", name, *options]


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
