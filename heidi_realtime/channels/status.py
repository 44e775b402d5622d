"""`status`: which services are up, for everyone; an ADMIN also receives the details. All clients share one check."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from heidi_realtime import messages
from heidi_realtime.backend import Backend
from heidi_realtime.channels.base import LiveChannel, SocketClient
from heidi_realtime.channels.resources import unix_milliseconds
from heidi_services.core.schemas.overview import StatusOut
from heidi_services.core.service import status

log = logging.getLogger(__name__)
NAME = "status"
CHECK_SECONDS = 2.0
_OUT = StatusOut()
JSON = dict[str, Any]


async def open_status(client: SocketClient) -> StatusChannel:
    """Open the channel."""
    assert client.identity is not None
    await client.shared.backend.request("/realtime/session", client.origin, client.identity.token)  # counted as REST
    return StatusChannel(client, await client.shared.status.latest())


class StatusChannel(LiveChannel):
    """The status for one client."""

    def __init__(self, client: SocketClient, latest: JSON) -> None:
        self._client = client
        self._latest = latest
        self._shown: JSON = {}
        self.position = unix_milliseconds()

    async def start(self) -> None:
        self.update(self._latest)
        self._client.shared.status.add(self)

    def close(self) -> None:
        self._client.shared.status.discard(self)

    def update(self, latest: JSON) -> None:
        """Send the status if it has changed. Latencies, which always change, do not count."""
        public = status.for_public(latest)
        if public == self._shown:
            return
        self._shown = public
        self.position = max(self.position + 1, unix_milliseconds())
        identity = self._client.identity
        shown = latest if identity is not None and identity.is_admin else public
        self._client.outbox.put(messages.event(NAME, self.position, NAME, dict(_OUT.dump(shown))))


class StatusFeed:
    """Checks the status for all clients, while there are any."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._cache = status.StatusCache(partial(status.check_services, own=None))
        self._channels: set[StatusChannel] = set()
        self._task: asyncio.Task[None] | None = None

    async def latest(self) -> JSON:
        """The status, at most a second old."""
        return await self._backend.run(self._cache.get)

    def add(self, channel: StatusChannel) -> None:
        self._channels.add(channel)
        if self._task is None:
            self._task = asyncio.create_task(self._check())

    def discard(self, channel: StatusChannel) -> None:
        self._channels.discard(channel)

    async def _check(self) -> None:
        while self._channels:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                latest = await self.latest()
            except Exception as error:
                log.warning("the status cannot be checked", extra={"error": repr(error)[:300]})
                continue
            for channel in tuple(self._channels):
                channel.update(latest)
        self._task = None
