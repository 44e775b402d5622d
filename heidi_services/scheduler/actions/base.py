"""The interface of an action: what it receives, what it returns, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from heidi_common.messaging.events import Event
from heidi_common.schemas.base import Schema

JSON = dict[str, Any]


@dataclass(frozen=True)
class RunContext:
    """One attempt at one run, copied from its rows: no transaction is open while the action runs."""

    run_id: UUID
    schedule_id: UUID
    scheduled_for: datetime
    attempt: int
    """The row's `attempts` during this attempt, which identifies it; 0 in a batch, see `run_claim`."""
    timeout_seconds: int
    fencing_token: int | None
    """The number of the Redis lock, see `heidi_common.redis.lock`; None if no lock is held."""
    created_by: UUID
    """The user or machine client that created the schedule."""
    reruns: int = 0
    """How often the run was queued again after it had ended."""
    rerun_id: UUID | None = None
    """Takes the place of the run's ID after it was queued again."""
    recovers: bool = False
    """If the run succeeds, recipients are notified, because the one before it failed."""
    is_cancelled: Callable[[], bool] = lambda: False
    """Whether the run was cancelled. An action that takes long asks now and then, and raises `ActionFailed`."""

    @property
    def execution_id(self) -> UUID:
        """By this ID receivers recognize a repeated attempt; after the run was queued again, it is another one."""
        return self.rerun_id or self.run_id


@dataclass(frozen=True)
class ActionResult:
    """The result of a successful action.

    Attributes:
        result: Stored with the run.
        events: Events to emit, each with the data to encrypt beside it. They are emitted in the transaction that
            records the result, so they are emitted once, however many attempts the run takes.
    """

    result: JSON
    events: tuple[tuple[Event, JSON | None], ...] = ()


class ActionFailed(Exception):
    """An action failed.

    Attributes:
        retry: Another attempt may succeed.
        timed_out: No response arrived within the time limit.
    """

    def __init__(self, detail: str, *, retry: bool = True, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.retry = retry
        self.timed_out = timed_out


class Action(Protocol):
    """What a schedule can do. An action is declared by a class in one module, and an entry in `ACTIONS`."""

    @property
    def name(self) -> str:
        """The name by which schedules refer to it; must not change while schedules use it."""

    @property
    def about(self) -> str: ...
    @property
    def payload(self) -> type[Schema]: ...
    @property
    def emits_only(self) -> bool:
        """The action does nothing but return events, so it has no effect before its result is recorded.

        It needs no lock against a worker whose lease has expired, and may be performed together with others.
        """

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        """Perform the action.

        Args:
            context: The attempt at the run.
            payload: The schedule's payload, as the action's schema has loaded it.

        Raises:
            ActionFailed: The action did not succeed.
        """
