"""The listener, and what all connections of this process share."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress

from flask import Flask
from websockets.asyncio.server import Server, ServerConnection, serve

from heidi_common.config.settings import Settings
from heidi_realtime import series, sessions
from heidi_realtime.channels.shared import Shared
from heidi_realtime.client import CLOSE_SECONDS, Client
from heidi_realtime.handshake import Handshake, origin_of
from heidi_realtime.messages import MAX_BYTES

log = logging.getLogger(__name__)
PING_SECONDS = 25.0
"""Shorter than the time after which proxies close idle connections."""
PONG_SECONDS = 20.0
BACKLOG = 1024


class RealtimeServer:
    """Serves WebSockets.

    Args:
        app: The app of this role.
        settings: The settings of the platform.
        grace_seconds: Time for the sockets to close after SIGTERM.
    """

    def __init__(self, app: Flask, settings: Settings, *, grace_seconds: float = 5.0) -> None:
        self._app, self._settings, self._grace_seconds = app, settings, grace_seconds
        self.clients: set[Client] = set()

    async def run(self, host: str, port: int) -> None:
        """Serve until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await self.serve_until(stop, host, port)

    async def serve_until(
        self, stop: asyncio.Event, host: str, port: int, started: Callable[[Server], object] = lambda _: None
    ) -> None:
        """Serve until `stop` is set. `started` is called with the server when it listens."""
        self._shared = Shared(self._app)
        handshake = Handshake(self._shared.backend, self._settings)
        watch = asyncio.create_task(sessions.watch(self._shared.backend, self.clients))
        async with serve(
            self._serve_client,
            host,
            port,
            process_request=handshake.process,
            max_size=MAX_BYTES,
            compression=None,  # it would take more memory than the rest of a connection
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            close_timeout=CLOSE_SECONDS,
            server_header=None,
            backlog=BACKLOG,
        ) as server:
            log.info("started", extra={"role": "realtime"})
            started(server)
            await stop.wait()
            watch.cancel()
            server.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), self._grace_seconds)
            for client in tuple(self.clients):
                client.socket.transport.abort()
        self._shared.backend.close()

    async def _serve_client(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        client = Client(socket, self._shared, origin_of(socket, socket.request))
        self.clients.add(client)
        series.sockets.inc()
        try:
            await client.run()
        finally:
            self.clients.discard(client)
            series.sockets.dec()
