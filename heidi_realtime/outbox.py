"""The messages that a client has not received yet."""

from __future__ import annotations

import asyncio
from collections import deque

MAX_MESSAGES = 1000
MAX_BYTES = 256 * 1024
"""Above it, whatever can wait is not queued: replays, events, and the requests of the client."""
ROOM_CHECK_SECONDS = 0.02


class TooSlow(Exception):
    """The client reads too slowly."""


class Outbox:
    """A queue of messages. It belongs to the thread of the event loop."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._has_ended = False

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def has_room(self) -> bool:
        """Whether a message that can wait should be queued."""
        return len(self._messages) < MAX_MESSAGES and self._bytes < MAX_BYTES

    def put(self, message: str) -> None:
        """Queue a message."""
        if not self._has_ended:
            self._messages.append(message)
            self._bytes += len(message)
            self._changed.set()

    def end(self) -> None:
        """Give the client up after the messages that are queued: it is too slow for those that follow."""
        self._has_ended = True
        self._changed.set()

    async def get(self) -> str:
        """Wait for the next message.

        Raises:
            TooSlow: No message follows.
        """
        while not self._messages:
            if self._has_ended:
                raise TooSlow
            self._changed.clear()
            await self._changed.wait()
        message = self._messages.popleft()
        self._bytes -= len(message)
        return message

    async def wait_for_room(self) -> None:
        """Wait until a message that can wait should be queued."""
        while not self.has_room:
            await asyncio.sleep(ROOM_CHECK_SECONDS)
