"""What workers can do: thin functions, told apart by name, bound to a broker only when a worker starts.

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
class Deed:
    queue: str
    function: Callable[..., Any]


DEEDS: dict[str, Deed] = {}


def actor(queue: str) -> Callable[[F], F]:
    """Register a function as an actor of that queue; its arguments are JSON: ids, nothing more."""

    def register(function: F) -> F:
        DEEDS[function.__name__] = Deed(queue, function)
        return function

    return register


def consumer(queue: str) -> Callable[[Callable[[OutboxEvent], Any]], Callable[[OutboxEvent], Any]]:
    """Register a handler of another service's facts: it runs in the transaction that marks its inbox row done."""

    def register(handler: Callable[[OutboxEvent], Any]) -> Callable[[OutboxEvent], Any]:
        name = handler.__name__

        def take_in(event_id: str) -> None:
            handle(name, UUID(event_id), handler)

        DEEDS[name] = Deed(queue, take_in)
        return handler

    return register


def load() -> dict[str, Deed]:
    """All deeds of all services."""
    for home in HOMES:
        import_module(f"workers.{home}")
    return DEEDS


def bind_all(broker: Broker) -> None:
    """Make every deed an actor of this broker. Work is retried by PostgreSQL's due times, not by the broker."""
    for name, deed in load().items():
        bind(actor_name=name, queue_name=deed.queue, broker=broker)(deed.function)


def hint(queue: str, name: str, *args: str, request_id: str | None = None) -> Message[Any]:
    """The message that says "look now"."""
    options = {"request_id": request_id} if request_id else {}
    return Message(queue_name=queue, actor_name=name, args=args, kwargs={}, options=options)
