"""The ports of a standalone platform, all on 127.0.0.1. They are checked before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from heidi_common.config.declaration import ConfigError, declarations, read_one
from heidi_common.config.secret_files import value_of
from heidi_common.config.sections.processes import LocalPlatform
from heidi_common.config.service_registry import CONSOLE, REALTIME, SERVICES
from heidi_common.config.settings import Settings
from heidi_common.server.bind_check import bind_error
from heidi_standalone.errors import StartupError

SMTP_OFFSET = 24
MAX_PORT = 65535


@dataclass(frozen=True)
class Ports:
    """The ports of the router, the services (`base` and those above it) and SMTP (`base + SMTP_OFFSET`)."""

    router: int = LocalPlatform.router_port
    base: int = Settings.base_port

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read HEIDI_PORT and HEIDI_BASE_PORT.

        Raises:
            StartupError: One of them is not a port.
        """
        return cls(
            router=_port(LocalPlatform, "router_port", environ, MAX_PORT),
            base=_port(Settings, "base_port", environ, MAX_PORT - SMTP_OFFSET),
        )

    def service(self, name: str) -> int:
        return SERVICES[name].port_from(self.base)

    @property
    def console(self) -> int:
        return CONSOLE.port_from(self.base)

    @property
    def realtime(self) -> int:
        return REALTIME.port_from(self.base)

    @property
    def smtp(self) -> int:
        return self.base + SMTP_OFFSET


def _port(kind: type, name: str, environ: Mapping[str, str], highest: int) -> int:
    try:
        port = int(read_one(kind, name, environ))
    except ConfigError:
        port = 0
    if not 1 <= port <= highest:
        variable = declarations(kind)[name].variable
        raise StartupError(f"{variable} must be a number from 1 to {highest}, not {value_of(environ, variable)!r}.")
    return port


def require_free(port: int, user: str, remedy: str) -> None:
    """Require that `user` (such as `the router`) can listen on a port.

    Raises:
        StartupError: Another process listens there, or the port is reserved. The message ends with `remedy`.
    """
    if error := bind_error("127.0.0.1", port):
        raise StartupError(f"Port {port} for {user} cannot be used: {error.strerror}. {remedy}")


def is_free(port: int) -> bool:
    """Whether a server could listen on a port."""
    return bind_error("127.0.0.1", port) is None
