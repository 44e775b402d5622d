"""What a standalone platform consists of: its environment and its programs."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from heidi_common.config.declaration import read_one
from heidi_common.config.secret_files import value_of
from heidi_common.config.sections.processes import LocalPlatform
from heidi_common.config.service_registry import CONSOLE, REALTIME
from heidi_common.config.service_registry import SERVICES as SERVICE_REGISTRY
from heidi_common.config.settings import Settings
from heidi_standalone.environment import platform_environment, setting_names
from heidi_standalone.home.home import Home
from heidi_standalone.ports import Ports
from heidi_standalone.servers.nginx import Router
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from heidi_standalone.supervision.program import ROUTER, SERVERS, SERVICES, Program

BUSY_SERVICES = ("auth", "users", "city", "notification")
"""They have two processes each, the others one."""


class StandalonePlatform:
    """The programs of a platform and their environment.

    Args:
        home: The folder of the platform.
        ports: The ports of the platform.
        environ: The environment of the caller. Its values win, and a server that it names is not started.
    """

    def __init__(self, home: Home, ports: Ports, environ: Mapping[str, str]) -> None:
        environ = platform_environment(environ)
        secrets = home.secrets()
        self.home, self.ports = home, ports
        self.postgres = None if value_of(environ, "DATABASE_URL") else Postgres(home.postgres)
        valkey_needed = not (value_of(environ, "REDIS_URL") and value_of(environ, "BROKER_URL"))
        self.valkey = Valkey(home.valkey, password=secrets["VALKEY_PASSWORD"]) if valkey_needed else None
        self.mail = not value_of(environ, "SMTP_URL")
        addresses = {name: f"127.0.0.1:{ports.service(name)}" for name in SERVICE_REGISTRY}
        self.has_console = read_one(LocalPlatform, "console", environ) != "off"
        console = f"127.0.0.1:{ports.console}" if self.has_console else None
        self.private_keys = environ.get("JWT_PRIVATE_KEYS") or str(home.private_keys)
        self.generated_env = self._generate_env(secrets)
        self.given_env = self.generated_env | {name: value for name, value in environ.items() if value}
        self.env = self.given_env | _trusted_proxies(environ)
        self.router = Router(
            home.nginx,
            ports.router,
            addresses,
            self.env,
            scratch=home.scratch / "nginx",
            console=console,
            realtime=f"127.0.0.1:{ports.realtime}",
            files=self._local_files(),
        )

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.ports.router}"

    @property
    def stored_env(self) -> dict[str, str]:
        """The settings for other commands on this platform: what it generates, and what its caller has set."""
        names = self.generated_env.keys() | setting_names()
        return {name: value for name, value in self.env.items() if name in names}

    @property
    def heartbeats(self) -> Path:
        return self.home.scratch / "heartbeats"

    def _metrics_folder(self, service: str) -> Path:
        return self.home.scratch / "metrics" / service

    def prepare(self) -> None:
        """Create the files and folders that the programs need."""
        if self.postgres:
            self.postgres.prepare()
        if self.valkey:
            self.valkey.prepare()
        self.router.prepare(exempts_loopback=Settings.from_env(self.env).exempts_loopback)
        for name in (*SERVICE_REGISTRY, CONSOLE.name, REALTIME.name):
            self._metrics_folder(name).mkdir(parents=True)
        self.heartbeats.mkdir()

    def _local_files(self) -> Path | None:
        """The folder of stored files; None if they are in S3."""
        url = value_of(self.env, "FILES_URL")
        if url.startswith("s3:"):
            return None
        return Path(unquote(urlsplit(url).path) if url else value_of(self.env, "FILES_PATH")).absolute()

    def servers(self) -> Iterator[Program]:
        """The servers that the services depend on, except for external ones."""
        if self.postgres:
            yield Program("postgres", SERVERS, self.postgres.command(), stop_signal="INT", stop_seconds=30)
        if self.valkey:
            yield Program("valkey", SERVERS, self.valkey.command(), stop_seconds=30)
        if self.mail:
            options = (str(self.home.mail), str(self.ports.smtp))
            yield Program("mail", SERVERS, _python_module("heidi_standalone.servers.mail_sink", *options))

    def services(self) -> Iterator[Program]:
        """The services, and the worker, realtime role, relay and clock. They need a prepared database."""
        client = self.home.core_client()
        for name in SERVICE_REGISTRY:
            yield Program(name, SERVICES, _python_module("gunicorn"), self._service_environment(name, client))
        options = ("--processes", "1", "--threads", "8", "--worker-shutdown-timeout", "15000")
        worker = _python_module("workers.main", *options)
        yield Program("worker", SERVICES, worker, client, stop_seconds=20)
        realtime = self._web_environment(REALTIME.name, self.ports.realtime)
        yield Program(REALTIME.name, SERVICES, _python_module(REALTIME.module), realtime)
        yield Program("relay", SERVICES, _python_module("workers.relay"))
        yield Program("clock", SERVICES, _python_module("workers.clock"))

    def console(self) -> Iterator[Program]:
        """The web console, unless HEIDI_CONSOLE is `off`."""
        if self.has_console:
            env = self._web_environment(CONSOLE.name, self.ports.console)
            yield Program(CONSOLE.name, SERVICES, _python_module("gunicorn"), env)

    def router_programs(self) -> Iterator[Program]:
        """The router. It is started once the services are ready."""
        yield Program("nginx", ROUTER, self.router.command())

    def _generate_env(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """The environment of all programs. It does not contain the private keys."""
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
            "FILES_PATH": str(self.home.files),
            "HEARTBEAT_FOLDER": str(self.heartbeats),
        }
        if self.mail:
            env["MAIL_SINK_FOLDER"] = str(self.home.mail)
        if self.postgres:
            env["DATA_FOLDER"] = str(self.home.folder)
            env["DATABASE_URL"] = self.postgres.url
        if self.valkey:
            env["REDIS_URL"] = self.valkey.url()
            # A separate database, so that flushing the cache loses no messages.
            env["BROKER_URL"] = self.valkey.url(database=1)
        return env

    def _service_environment(self, name: str, client: Mapping[str, str]) -> dict[str, str]:
        env = self._web_environment(name, self.ports.service(name))
        if name == "auth":
            env["JWT_PRIVATE_KEYS"] = self.private_keys
        if name == "core":
            env |= client
        return env

    def _web_environment(self, name: str, port: int) -> dict[str, str]:
        return {
            "HEIDI_SERVICE": name,
            "BIND": f"127.0.0.1:{port}",
            "WEB_CONCURRENCY": value_of(self.env, "WEB_CONCURRENCY") or ("2" if name in BUSY_SERVICES else "1"),
            "PROMETHEUS_MULTIPROC_DIR": str(self._metrics_folder(name)),
            "GRACEFUL_TIMEOUT": "5",
        }


def _trusted_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """The router, which alone connects to the services, trusts the proxies that the caller names."""
    named = value_of(environ, "ROUTER_TRUSTED_PROXIES") or value_of(environ, "TRUSTED_PROXIES")
    return {"TRUSTED_PROXIES": "127.0.0.0/8", "ROUTER_TRUSTED_PROXIES": named}


def _python_module(name: str, *options: str) -> list[str]:
    """A command that `supervision.supervisord` recognizes: it forks the process instead of starting a new Python."""
    return [sys.executable, "-m", name, *options]
