"""What an action is given, what it gives back, and how it fails."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from heidi_common.messaging.events import Event
from heidi_common.schemas.base import Schema

JSON = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """One attempt at one run, copied from its rows: no transaction is open while it is carried out."""

    run_id: UUID
    schedule_id: UUID
    name: str
    scheduled_for: datetime
    attempt: int
    timeout: int  # seconds
    fence: int | None  # number of the Redis lock, where one is held


@dataclass(frozen=True)
class Outcome:
    """What came of it. The facts (each with what is sealed beside it) are said in the transaction that
    ends the run, so they are said once, however often the run is tried."""

    result: JSON
    facts: tuple[tuple[Event, JSON | None], ...] = field(default=())


class ActionFailed(Exception):
    """`retry`: trying again may help. `timed_out`: there was no answer in time."""

    def __init__(self, detail: str, *, retry: bool = True, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.retry = retry
        self.timed_out = timed_out


class Action(Protocol):
    @property
    def about(self) -> str: ...
    @property
    def payload(self) -> type[Schema]: ...

    def perform(self, order: Order, payload: JSON) -> Outcome:
        """Do it; raises ActionFailed. `payload` is as the schema has loaded it."""


def derived_id(*parts: object, at: datetime) -> UUID:
    """The same id for the same parts, ever; in the form of a uuid7 of that moment, so that it sorts by time."""
    digest = int.from_bytes(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:10])
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    bits = milliseconds << 80 | digest
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)
