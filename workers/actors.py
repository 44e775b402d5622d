"""The registry of actors: thin functions, identified by name, bound to a broker only when a worker starts.

@actor("notification")
def deliver_notification(notification_id: str) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar
from uuid import UUID

from dramatiq import Broker, Message
from dramatiq import actor as bind

from heidi_common.messaging.inbox import handle
from heidi_common.messaging.outbox import OutboxEvent

F = TypeVar("F", bound=Callable[..., Any])
HOMES = ("auth", "city", "notification", "scheduler", "integration", "core")


@dataclass(frozen=True)
class ActorSpec:
    queue: str
    function: Callable[..., Any]


ACTORS: dict[str, ActorSpec] = {}


def actor(queue: str) -> Callable[[F], F]:
    """Register a function as an actor of that queue; its arguments are IDs as JSON, nothing else."""

    def register(function: F) -> F:
        ACTORS[function.__name__] = ActorSpec(queue, function)
        return function

    return register


def consumer(queue: str) -> Callable[[Callable[[OutboxEvent], Any]], Callable[[OutboxEvent], Any]]:
    """Register a handler of another service's events: it runs in the transaction that marks its inbox row done."""

    def register(handler: Callable[[OutboxEvent], Any]) -> Callable[[OutboxEvent], Any]:
        name = handler.__name__

        def handle_event(event_id: str) -> None:
            handle(name, UUID(event_id), handler)

        ACTORS[name] = ActorSpec(queue, handle_event)
        return handler

    return register


def load() -> dict[str, ActorSpec]:
    """Register the actors of all services."""
    for home in HOMES:
        import_module(f"workers.{home}")
    return ACTORS


def bind_all(broker: Broker) -> None:
    """Bind every actor to this broker. Work is retried by PostgreSQL's due times, not by the broker."""
    for name, spec in load().items():
        bind(actor_name=name, queue_name=spec.queue, broker=broker)(spec.function)


def hint(queue: str, name: str, *args: str, request_id: str | None = None) -> Message[Any]:
    """A wake-up message: the actor looks at the row now."""
    options = {"request_id": request_id} if request_id else {}
    return Message(queue_name=queue, actor_name=name, args=args, kwargs={}, options=options)
