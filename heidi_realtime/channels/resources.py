"""`batch:<id>`, `operation:<id>`, `schedule:<id>`: a resource, as its REST endpoint shows it to the caller.

A subscriber receives the state immediately, and again each time that it has changed. It is read again when an event of
the log concerns the resource, and otherwise every second or, while nothing changes, less often: progress has no events.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from heidi_realtime import messages
from heidi_realtime.backend import Rejected
from heidi_realtime.channels.base import LiveChannel, SocketClient
from heidi_realtime.channels.feed import Receiver
from heidi_services.core.service.event_tail import Entry

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 5.0
"""Seconds between two reads without an event."""
ENDING_STATUSES = (401, 403, 404, 410)
"""The caller may not read the resource any more, or it does not exist."""


@dataclass(frozen=True)
class Resource:
    """A kind of resource.

    Attributes:
        service: The service that has it.
        path: The path of its endpoint, without the ID.
        events: The beginning of the types of the events that concern it; empty if there are none.
    """

    service: str
    path: str
    events: str


RESOURCES = {
    "batch": Resource("notification", "/api/v1/notifications/batches", "notification.batch"),
    "operation": Resource("core", "/api/v1/core/operations", "core.operation"),
    "schedule": Resource("scheduler", "/api/v1/schedules", "schedule."),
}


def unix_milliseconds() -> int:
    """The ID of a state: the time at which it was read."""
    return time.time_ns() // 1_000_000


async def open_resource(name: str, resource: Resource, identity: UUID, client: SocketClient) -> ResourceChannel:
    """Open the channel of a resource.

    Raises:
        Rejected: The caller may not read it, it does not exist, or its service is unavailable.
    """
    assert client.identity is not None
    await client.shared.backend.request("/realtime/session", client.origin, client.identity.token)  # counted as REST
    state = ResourceChannel(name, resource, identity, client)
    state.log_position = await client.shared.feed.newest()  # before the read, so that no event is left out
    await state.read()
    return state


class _Concerning(Receiver):
    """The events that concern the resource."""

    def __init__(self, state: ResourceChannel) -> None:
        self._state = state
        self.position = state.log_position

    def receive(self, entry: Entry) -> None:
        if self._state.is_concerned(entry):
            self._state.changed.set()


class ResourceChannel(LiveChannel):
    """The state of one resource."""

    def __init__(self, name: str, resource: Resource, identity: UUID, client: SocketClient) -> None:
        self._name, self._resource, self._identity, self._client = name, resource, str(identity), client
        self._current: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._receiver: _Concerning | None = None
        self.position = 0
        self.log_position = 0
        self.changed = asyncio.Event()

    async def start(self) -> None:
        self._send()
        self._task = asyncio.create_task(self._watch())

    def close(self) -> None:
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._receiver is not None:
            self._client.shared.feed.leave(self._receiver)

    def is_concerned(self, entry: Entry) -> bool:
        return entry.type.startswith(self._resource.events) and self._identity in entry.json

    async def read(self) -> bool:
        """Read the resource; returns whether it has changed."""
        identity = self._client.identity
        assert identity is not None
        path = f"{self._resource.path}/{self._identity}"
        latest = await self._client.shared.backend.read(self._resource.service, path, identity.token, identity.address)
        has_changed = latest != self._current
        if has_changed:
            self._current = latest
            self.position = max(self.position + 1, unix_milliseconds())
        return has_changed

    async def _watch(self) -> None:
        self._receiver = _Concerning(self)
        await self._client.shared.feed.follow(self._receiver)
        pause = SHORTEST_PAUSE
        while True:
            await self._wait(pause)
            try:
                has_changed = await self.read()
            except Rejected as error:
                if error.problem.get("status") in ENDING_STATUSES:
                    self._client.end_channel(self._name, error.problem)
                    return
                has_changed = False
            if has_changed:
                self._send()
            pause = SHORTEST_PAUSE if has_changed else min(pause * 1.5, LONGEST_PAUSE)

    async def _wait(self, pause: float) -> None:
        """Wait for an event, but not less than a tenth of a second, so that many events cause few reads."""
        try:
            async with asyncio.timeout(pause):
                await self.changed.wait()
                await asyncio.sleep(0.1)
        except TimeoutError:
            pass
        self.changed.clear()

    def _send(self) -> None:
        kind = self._name.partition(":")[0]
        self._client.outbox.put(messages.event(self._name, self.position, kind, self._current))
