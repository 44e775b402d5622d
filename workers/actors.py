"""The registry of actors: thin functions, identified by name, bound to a broker only when a worker starts.

    @actor("notification")
    def deliver_notification(*notification_ids: str) -> None: ...

The name of the function is the name of the actor. It is stored in messages and in the inbox: never rename an actor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeVar
from uuid import UUID

import dramatiq
from dramatiq import Broker, Message

from heidi_common.logger.causes import NO_CAUSE, Cause, current_cause, row_cause
from heidi_common.messaging.event_handling import handle, handle_many
from heidi_common.messaging.outbox import OutboxEvent

F = TypeVar("F", bound=Callable[..., Any])
ACTOR_MODULES = ("auth", "users", "city", "notification", "scheduler", "integration", "core", "files")


@dataclass(frozen=True)
class ActorSpec:
    """A function and the queue from which it is called."""

    queue: str
    function: Callable[..., Any]


ACTORS: dict[str, ActorSpec] = {}


def actor(queue: str) -> Callable[[F], F]:
    """Register a function as an actor of a queue. It is called with the IDs of one or more rows, as strings."""

    def register(function: F) -> F:
        ACTORS[function.__name__] = ActorSpec(queue, function)
        return function

    return register


def consumer(queue: str) -> Callable[[Callable[[OutboxEvent], Any]], Callable[[OutboxEvent], Any]]:
    """Register a handler of another service's events: it runs in the transaction that marks its inbox row done."""

    def register(handler: Callable[[OutboxEvent], Any]) -> Callable[[OutboxEvent], Any]:
        name = handler.__name__

        def handle_events(*event_ids: str) -> None:
            ids = [UUID(event_id) for event_id in event_ids]
            if len(ids) == 1:
                handle(name, ids[0], handler)
            else:
                handle_many(name, ids, handler, partial(wake_singly, queue, name))

        ACTORS[name] = ActorSpec(queue, handle_events)
        return handler

    return register


def load() -> dict[str, ActorSpec]:
    """Register the actors of all services."""
    for module in ACTOR_MODULES:
        import_module(f"workers.{module}")
    return ACTORS


def bind_all(broker: Broker) -> None:
    """Bind every actor to this broker. Work is retried when its row is due again, not by the broker."""
    for name, spec in load().items():
        dramatiq.actor(actor_name=name, queue_name=spec.queue, broker=broker)(spec.function)


def wake_singly(queue: str, name: str, row_ids: Iterable[UUID]) -> None:
    """Send each row a wake-up message of its own: it may crash its worker, so it must not have neighbors."""
    broker = dramatiq.get_broker()
    for row_id in row_ids:
        with row_cause(row_id):
            broker.enqueue(hint(queue, name, str(row_id), cause=current_cause()))


def hint(queue: str, name: str, *ids: str, cause: Cause = NO_CAUSE) -> Message[Any]:
    """Make a wake-up message, which lets an actor look at these rows now."""
    options = {key: value for key, value in cause._asdict().items() if value}
    return Message(queue_name=queue, actor_name=name, args=ids, kwargs={}, options=options)
