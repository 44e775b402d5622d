"""One process (and what it forks) under supervision."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SERVERS, SERVICES, ROUTER = "servers", "services", "router"
GROUPS = (SERVERS, SERVICES, ROUTER)
"""Started in this order, stopped in the opposite one."""


@dataclass(frozen=True)
class Program:
    """`stop_seconds` after `stop_signal` it is killed; `env` comes on top of what all programs have."""

    name: str
    group: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 10
