"""A program under supervision: a process and its children."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SERVERS, SERVICES, ROUTER = "servers", "services", "router"
GROUPS = (SERVERS, SERVICES, ROUTER)
"""Groups are started in this order and stopped in the reverse order."""


@dataclass(frozen=True)
class Program:
    """A program and how to run it.

    Attributes:
        name: Also the name of its log.
        group: One of `GROUPS`.
        command: Program and options.
        env: Variables in addition to those of all programs.
        stop_signal: The signal that asks it to stop.
        stop_seconds: How long it may take to stop before it is killed.
    """

    name: str
    group: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 10
