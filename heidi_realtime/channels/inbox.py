"""`inbox`: the in-app messages of the caller, from the hub that also feeds Server-Sent EventsChannel."""

from __future__ import annotations

import asyncio
from uuid import UUID

from heidi_common.interceptors.event_stream import StreamStart
from heidi_realtime import messages
from heidi_realtime.channels.base import LiveChannel, SocketClient, send_reset
from heidi_services.notification.routes.stream import stream_hub
from heidi_services.notification.service.stream_hub import StreamItem, StreamSubscriber

NAME = "inbox"


async def open_inbox(client: SocketClient, last_event_id: int | None) -> InboxChannel:
    """Open the channel of the caller."""
    assert client.identity is not None
    backend, token = client.shared.backend, client.identity.token
    start = await backend.request("/realtime/inbox", client.origin, token, lastEventId=last_event_id)
    return InboxChannel(client, StreamStart(**start))


class Pending:
    """Passes items from the thread of the hub to the outbox of a client, in the thread of the event loop."""

    def __init__(self, client: SocketClient) -> None:
        self._client, self._loop = client, asyncio.get_running_loop()
        self._waiting = 0
        self.is_closed = False

    def qsize(self) -> int:
        """The number of items that the client has not received yet."""
        return self._waiting + len(self._client.outbox)

    def put(self, item: StreamItem | None) -> None:
        """Send an item; None ends the client, who is too slow."""
        self._waiting += 1
        self._loop.call_soon_threadsafe(self._deliver, item)

    def _deliver(self, item: StreamItem | None) -> None:
        self._waiting -= 1
        if self.is_closed:
            return
        if item is None:
            self._client.outbox.end()
        else:
            self._client.outbox.put(messages.event(NAME, item.position, "notification", item.data))


class InboxChannel(LiveChannel):
    """The in-app messages of one user."""

    def __init__(self, client: SocketClient, start: StreamStart) -> None:
        self._client, self._start = client, start
        self.position = start.position
        self._pending = Pending(client)
        self._subscriber: StreamSubscriber | None = None

    async def start(self) -> None:
        assert self._client.identity is not None
        send_reset(self._client, NAME, self._start)
        user_id = UUID(self._client.identity.id)
        await self._client.shared.backend.run(self._subscribe, user_id)

    def _subscribe(self, user_id: UUID) -> None:
        subscriber = stream_hub().open(user_id, self.position, self._pending)
        self._subscriber = subscriber
        if self._pending.is_closed:  # the client has gone in the meantime
            self._close_subscriber()

    def close(self) -> None:
        self._pending.is_closed = True
        self._close_subscriber()

    def _close_subscriber(self) -> None:
        subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            with self._client.shared.backend.app.app_context():
                stream_hub().close(subscriber)
