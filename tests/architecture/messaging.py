"""Rules about events, queues and actors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heidi_common.messaging.events import Event, matches
from workers.actors import ActorSpec
from workers.periodic_tasks import PeriodicTask, WakeUp
from workers.subscriptions import Consume, Hint

EVERYTHING = "*"
"""A subscription to all events (forwarding) does not count as a subscription to each of them."""


@dataclass(frozen=True)
class WakeUpMessage:
    """A message that `sender` sends to an actor on a queue."""

    sender: str
    queue: str
    actor: str


def without_subscriber(events: Iterable[type[Event]], subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Find the event types without a subscription that are not marked external."""
    patterns = {subscription.pattern for subscription in subscriptions} - {EVERYTHING}
    return [event.type for event in events if not event.external and not any(matches(p, event.type) for p in patterns)]


def without_event(events: Iterable[type[Event]], subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Find the subscriptions to events that do not exist."""
    types = [event.type for event in events]
    patterns = [subscription.pattern for subscription in subscriptions]
    return [pattern for pattern in patterns if not any(matches(pattern, type_) for type_ in types)]


def without_reply(events: Iterable[type[Event]], subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Find the requests whose `answered_by` is not subscribed to them: the requester would wait until it times out."""
    inboxes = {(item.pattern, item.actor) for item in subscriptions if isinstance(item, Consume)}
    return [event.type for event in events if event.answered_by and (event.type, event.answered_by) not in inboxes]


def wake_up_messages(subscriptions: Iterable[Hint | Consume], tasks: Iterable[PeriodicTask]) -> list[WakeUpMessage]:
    """List the messages that the relay or the clock sends."""
    by_relay = [WakeUpMessage(f"subscription {item.pattern}", item.queue, item.actor) for item in subscriptions]
    by_clock = [(task.name, task.poll) for task in tasks]
    return by_relay + [
        WakeUpMessage(f"task {name}", poll.queue, poll.actor) for name, poll in by_clock if isinstance(poll, WakeUp)
    ]


def without_actor(messages: Iterable[WakeUpMessage], specs: Mapping[str, ActorSpec]) -> list[str]:
    """Find the messages to an actor that does not exist."""
    return [f"{message.sender}: {message.actor}" for message in messages if message.actor not in specs]


def undeclared(messages: Iterable[WakeUpMessage], specs: Mapping[str, ActorSpec], queues: Iterable[str]) -> list[str]:
    """Find the queues that are used but not declared, or declared but not used."""
    used = {message.queue for message in messages} | {spec.queue for spec in specs.values()}
    missing = [f"{queue} is not declared" for queue in sorted(used - set(queues))]
    return missing + [f"{queue} is not used" for queue in sorted(set(queues) - used)]


def unconsumed(commands: Iterable[str], queues: Iterable[str]) -> list[str]:
    """Find the queues that no worker of a deployment consumes; a worker without `--queues` consumes all."""
    consumed: set[str] = set()
    for command in commands:
        option = re.search(r"--queues((?:\s+[a-z]\w*)+)", command)
        consumed |= set(option[1].split()) if option else set(queues)
    return sorted(set(queues) - consumed)


def worker_commands(text: str) -> list[str]:
    """Extract the command lines of workers from a file of a deployment, without quotes and commas."""
    lines = [line for line in text.splitlines() if "workers.main" in line]
    return [re.sub(r"[\"',\[\]()]", " ", line.partition("workers.main")[2]) for line in lines]
