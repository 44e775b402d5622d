"""Settings of single processes: how a web process serves, and how a platform runs on one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heidi_common.config.declaration import read, read_one, setting
from heidi_common.config.parsers import natural, one_of
from heidi_common.config.service_registry import CONSOLE, REALTIME, SERVICES

THREADS = {"city": 2, "users": 2, "core": 250, "notification": 250, "scheduler": 32, "files": 16, "console": 8}
"""Threads per process; 4 for other services. The console waits for the API most of the time. An upload occupies a
thread until its last byte has arrived.

Two where requests are short and bound by Python: more threads only contend for the interpreter lock (a city from
PostgreSQL: 1,480/s with two threads, 900/s with four). Many where each open event stream or
a request that waits occupies one.
"""


@dataclass(frozen=True, kw_only=True)
class WebProcess:
    """Web processes.

    Read by `gunicorn.conf.py` and `wsgi.py`.
    """

    service: str = setting(
        "HEIDI_SERVICE",
        parse=one_of(*SERVICES, CONSOLE.name, REALTIME.name),
        default="",
        default_text="all",
        help="The service that the process serves, or `console`, or `realtime` (`python -m heidi_realtime`).",
    )
    bind: str = setting(
        "BIND",
        default="",
        default_text="the service's port on 127.0.0.1",
        help="Addresses on which the process listens, separated by commas: `host:port` or `unix:path`.",
    )
    workers: int = setting(
        "WEB_CONCURRENCY",
        parse=natural,
        default=2,
        help="Worker processes of a service. `make run` starts two for auth, users, city and notification, else one.",
    )
    threads: int | None = setting(
        "WEB_THREADS",
        parse=natural,
        default=None,
        default_text="`4`; `2` for city and users; `8` for the console; `16` for files; `32` for scheduler;"
        " `250` for core, notification and all in one process",
        help="Threads of each worker process. An open event stream, or a request that waits, occupies one.",
    )
    graceful_timeout: int = setting(
        "GRACEFUL_TIMEOUT", parse=natural, default=30, help="Seconds that requests have to finish after SIGTERM."
    )
    drain_seconds: int = setting(
        "DRAIN_SECONDS",
        parse=natural,
        default=0,
        help="Seconds of `GRACEFUL_TIMEOUT` for which a process still accepts requests after SIGTERM, with its "
        "readiness off: 5 if a router or load balancer distributes requests to several instances.",
    )
    metrics_folder: str = setting(
        "PROMETHEUS_MULTIPROC_DIR", default="", help="The folder where the processes of a service share their metrics."
    )

    def threads_of(self, service: str) -> int:
        """Threads of each worker process of a service; empty: of all services in one process."""
        return (THREADS.get(service, 4) if service else 250) if self.threads is None else self.threads

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> WebProcess:
        """Read and check every variable.

        Raises:
            ConfigError: Variables are invalid. It names all of them.
        """
        return cls(**read(cls, env))


@dataclass(frozen=True, kw_only=True)
class LocalPlatform:
    """Standalone platform.

    Read by `make run` (`flask up`) and the commands that address the platform it has started.
    """

    home: str = setting("HEIDI_HOME", default=".heidi", help="The folder where `make run` keeps everything.")
    router_port: int = setting("HEIDI_PORT", parse=natural, default=8080, help="The router's port.")
    console: str = setting(
        "HEIDI_CONSOLE",
        parse=one_of("on", "off"),
        default="on",
        help="`off`: `make run` does not start the web console.",
    )
    admin_password: str = setting(
        "HEIDI_ADMIN_PASSWORD",
        default="",
        default_text="asked for, or generated",
        in_repr=False,
        help="The password for `flask users create-admin`.",
    )


def home_folder(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the platform that `make run` starts: HEIDI_HOME, or `.heidi` in this checkout."""
    in_checkout = Path(__file__).resolve().parents[3] / LocalPlatform.home
    return Path(read_one(LocalPlatform, "home", env, {"HEIDI_HOME": str(in_checkout)})).expanduser()


def environment() -> dict[str, str]:
    """The environment of this process. Without a database in it, that of the platform of `make run` in this checkout
    is added; variables that are set take precedence."""
    from dotenv import dotenv_values

    has_database = not {"DATABASE_URL", "DATABASE_URL_FILE"}.isdisjoint(os.environ)
    local = {} if has_database else dotenv_values(home_folder() / "env", interpolate=False)
    return {name: value for name, value in local.items() if value} | dict(os.environ)
