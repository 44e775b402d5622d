"""Readiness of the platform's programs."""

import http.client
import time
from collections.abc import Callable, Mapping

from heidi_standalone.errors import StartupError
from heidi_standalone.log_causes import cause_in
from heidi_standalone.supervision.supervisor import Supervisor

REQUEST_TIMEOUT_SECONDS = 5
START_TIMEOUT_SECONDS = 120
MAX_EXITS_AT_START = 3


def is_ready(port: int, path: str) -> bool:
    """Whether `GET path` on a port of this machine returns 200 within `REQUEST_TIMEOUT_SECONDS`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(supervisor: Supervisor, checks: Mapping[str, Callable[[], bool]]) -> None:
    """Wait until the check of every program has passed once.

    Args:
        supervisor: It runs the programs.
        checks: Name of a program -> whether it is ready.

    Raises:
        StartupError: A program is not ready in time or keeps exiting. The message has the relevant lines of its log.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    pending = dict(checks)
    while pending:
        pending = {name: check for name, check in pending.items() if not check()}
        for name in pending:
            if supervisor.exits[name] >= MAX_EXITS_AT_START or time.monotonic() > deadline:
                raise _not_started(supervisor, name)
        if not supervisor.alive:
            raise StartupError("The supervisor was stopped during the start. Run the command again.")
        time.sleep(0.05)


def _not_started(supervisor: Supervisor, name: str) -> StartupError:
    return StartupError(f"{name} does not start: {cause_in(supervisor.logs / f'{name}.log')}")
