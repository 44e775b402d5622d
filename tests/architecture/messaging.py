"""Rules about facts, queues and actors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from heidi_common.messaging.events import Event, matches
from workers.actors import Deed
from workers.clock import Duty
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


def calls(subscriptions: Iterable[Hint | Consume], duties: Iterable[Duty]) -> list[Call]:
    """Every (queue, actor) that the relay or the clock sends messages for."""
    found = [Call(f"subscription {one.pattern}", one.queue, one.actor) for one in subscriptions]
    for duty in duties:
        bound = inspect.getclosurevars(duty.look).nonlocals
        if "actor" in bound:
            found.append(Call(f"duty {duty.name}", bound["queue"], bound["actor"]))
    return found


def without_actor(calls: Iterable[Call], deeds: Mapping[str, Deed]) -> list[str]:
    """Messages for an actor that no worker has."""
    return [f"{call.by}: {call.actor}" for call in calls if call.actor not in deeds]


def undeclared(calls: Iterable[Call], deeds: Mapping[str, Deed], queues: Iterable[str]) -> list[str]:
    """Queues that are used without being declared, and declared ones that nobody uses."""
    used = {call.queue for call in calls} | {deed.queue for deed in deeds.values()}
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


def dangling_duties(duties: Iterable[Duty]) -> list[str]:
    """Duties whose "module:function" is not there."""
    paths = [(duty.name, inspect.getclosurevars(duty.look).nonlocals.get("path")) for duty in duties]
    return [f"{name}: {path}" for name, path in paths if path is not None and not _callable(path)]


def dangling_interest(subscriptions: Iterable[Hint | Consume]) -> list[str]:
    """Subscriptions whose `interested` is not there."""
    paths = [getattr(found, "interested", None) for found in subscriptions]
    return [path for path in paths if path is not None and not _callable(path)]


def _callable(path: str) -> bool:
    module, _, name = path.partition(":")
    try:
        return callable(getattr(import_module(module), name))
    except (ImportError, AttributeError):
        return False
