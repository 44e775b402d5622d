"""`events:<pattern>`: the event log, for an ADMIN."""

from __future__ import annotations

from heidi_common.interceptors.event_stream import StreamStart
from heidi_realtime import messages
from heidi_realtime.channels.base import LiveChannel, SocketClient, send_reset
from heidi_realtime.channels.feed import Receiver
from heidi_services.core.service.event_stream import entry_filter
from heidi_services.core.service.event_tail import Entry


async def open_events(name: str, pattern: str, client: SocketClient, last_event_id: int | None) -> EventsChannel:
    """Open the channel of the events that match a pattern."""
    assert client.identity is not None
    query = {"type": pattern, "lastEventId": last_event_id}
    start = await client.shared.backend.request("/realtime/events", client.origin, client.identity.token, **query)
    return EventsChannel(name, pattern, client, StreamStart(**start))


class EventsChannel(LiveChannel, Receiver):
    """The events that match a pattern."""

    def __init__(self, name: str, pattern: str, client: SocketClient, start: StreamStart) -> None:
        self._name, self._client, self._start = name, client, start
        self._is_selected = entry_filter(pattern, None)
        self._is_closed = False
        self.position = start.position

    async def start(self) -> None:
        send_reset(self._client, self._name, self._start)
        await self._client.shared.feed.follow(self)
        if self._is_closed:
            self.close()

    def receive(self, entry: Entry) -> None:
        if not self._is_closed and self._is_selected(entry):
            self._client.outbox.put(messages.event(self._name, entry.position, entry.type, entry.json))

    def has_room(self) -> bool:
        return self._client.outbox.has_room

    async def wait_for_room(self) -> None:
        await self._client.outbox.wait_for_room()

    def close(self) -> None:
        self._is_closed = True
        self._client.shared.feed.leave(self)
