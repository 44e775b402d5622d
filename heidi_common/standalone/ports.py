"""The ports of a standalone platform: all on 127.0.0.1, all known beforehand, all free before anything is started."""

from dataclasses import dataclass

from heidi_common.standalone.checkout import SERVICES
from heidi_common.standalone.failure import CannotRun
from heidi_common.web_address import refusal

FIRST = min(SERVICES.values())


@dataclass(frozen=True)
class Ports:
    """`router` is the door; the services have `base` and the six above it, mail `base + 24`."""

    router: int = 8080
    base: int = FIRST

    def service(self, name: str) -> int:
        return self.base + SERVICES[name] - FIRST

    @property
    def smtp(self) -> int:
        return self.base + 24


def require_free(port: int, what: str, remedy: str) -> None:
    """Raises CannotRun when somebody listens there, or when we may not."""
    if error := refusal("127.0.0.1", port):
        raise CannotRun(f"port {port} for {what} cannot be used ({error.strerror}); {remedy}")


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    return refusal("127.0.0.1", port) is None
