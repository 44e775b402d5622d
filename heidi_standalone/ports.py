"""The ports of a standalone platform: all on 127.0.0.1, all known beforehand, all free before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from heidi_common.server.bind_check import bind_error
from heidi_standalone.errors import CannotRun
from heidi_standalone.paths import SERVICES

FIRST = min(SERVICES.values())
MAIL = 24
HIGHEST = 65535


@dataclass(frozen=True)
class Ports:
    """`router` is the door; the services have `base` and the six above it, mail `base + MAIL`."""

    router: int = 8080
    base: int = FIRST

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        return cls(
            router=_number(given, "HEIDI_PORT", cls.router, HIGHEST),
            base=_number(given, "HEIDI_BASE_PORT", cls.base, HIGHEST - MAIL),
        )

    def service(self, name: str) -> int:
        return self.base + SERVICES[name] - FIRST

    @property
    def smtp(self) -> int:
        return self.base + MAIL


def _number(given: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = given.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise CannotRun(f"{name} is {text!r}, not a number from 1 to {highest}")
    return int(text)


def require_free(port: int, what: str, remedy: str) -> None:
    """Raises CannotRun when somebody listens there, or when we may not."""
    if error := bind_error("127.0.0.1", port):
        raise CannotRun(f"port {port} for {what} cannot be used ({error.strerror}); {remedy}")


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    return bind_error("127.0.0.1", port) is None
