"""Rules about facts, queues and actors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heidi_common.messaging.events import Event, matches
from workers.actors import ActorSpec
from workers.periodic_tasks import PeriodicTask, WakeUp
from workers.subscriptions import Consume, Hint

EVERYTHING = "*"
"""A subscriber of everything (forwarding) does not make a fact heard."""


@dataclass(frozen=True)
class Call:
    """Somebody sends messages for this actor on this queue."""

    by: str
    queue: str
    actor: str


def unheard(facts: Iterable[type[Event]], subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Facts that nobody subscribes to and that are not marked outward."""
    patterns = {found.pattern for found in subscriptions} - {EVERYTHING}
    return [fact.type for fact in facts if not fact.external and not any(matches(p, fact.type) for p in patterns)]


def unspoken(facts: Iterable[type[Event]], subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Subscriptions to facts that do not exist."""
    types = [fact.type for fact in facts]
    return [found.pattern for found in subscriptions if not any(matches(found.pattern, one) for one in types)]


def unanswered(facts: Iterable[type[Event]], subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Requests whose named answerer does not subscribe to them: whoever asks would wait for ever."""
    inboxes = {(found.pattern, found.actor) for found in subscriptions if isinstance(found, Consume)}
    return [fact.type for fact in facts if fact.answered_by and (fact.type, fact.answered_by) not in inboxes]


def calls(subscriptions: Iterable[Hint | Consume], tasks: Iterable[PeriodicTask]) -> list[Call]:
    """Every (queue, actor) that the relay or the clock sends messages for."""
    by_relay = [Call(f"subscription {item.pattern}", item.queue, item.actor) for item in subscriptions]
    by_clock = [(task.name, task.poll) for task in tasks]
    return by_relay + [
        Call(f"task {name}", poll.queue, poll.actor) for name, poll in by_clock if isinstance(poll, WakeUp)
    ]


def without_actor(calls: Iterable[Call], specs: Mapping[str, ActorSpec]) -> list[str]:
    """Messages for an actor that no worker has."""
    return [f"{call.by}: {call.actor}" for call in calls if call.actor not in specs]


def undeclared(calls: Iterable[Call], specs: Mapping[str, ActorSpec], queues: Iterable[str]) -> list[str]:
    """Queues that are used without being declared, and declared ones that nobody uses."""
    used = {call.queue for call in calls} | {spec.queue for spec in specs.values()}
    missing = [f"{queue} is not declared" for queue in sorted(used - set(queues))]
    return missing + [f"nobody uses {queue}" for queue in sorted(set(queues) - used)]


def unconsumed(commands: Iterable[str], queues: Iterable[str]) -> list[str]:
    """Queues that no worker of a deployment takes from; a worker without `--queues` takes from all."""
    consumed: set[str] = set()
    for command in commands:
        named = re.search(r"--queues((?:\s+[a-z]\w*)+)", command)
        consumed |= set(named[1].split()) if named else set(queues)
    return sorted(set(queues) - consumed)


def worker_commands(text: str) -> list[str]:
    """The command lines of workers in a deployment's file, quotes and commas taken out."""
    lines = [line for line in text.splitlines() if "workers.main:setup" in line]
    return [re.sub(r"[\"',\[\]()]", " ", line.partition("workers.main:setup")[2]) for line in lines]
