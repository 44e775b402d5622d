"""The event log for all channels of this process: one reader, and the receivers that it feeds."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence

from heidi_realtime.backend import Backend
from heidi_services.core.service.event_stream import current_tail
from heidi_services.core.service.event_tail import Entry

log = logging.getLogger(__name__)
WAIT_SECONDS = 1.0
RETRY_SECONDS = 1.0


class Receiver(ABC):
    """Receives every entry after a position, once and in the order of the log.

    Attributes:
        position: The last entry that was received.
    """

    position: int

    def offer(self, entries: Sequence[Entry]) -> bool:
        """Receive entries, of which some may have been received before.

        Returns:
            False if there is no room for all of them.
        """
        for entry in entries:
            if entry.position > self.position:
                if not self.has_room():
                    return False
                self.position = entry.position
                self.receive(entry)
        return True

    @abstractmethod
    def receive(self, entry: Entry) -> None:
        """Receive an entry."""

    def has_room(self) -> bool:
        """Whether another entry can be received now."""
        return True

    async def wait_for_room(self) -> None:
        """Wait until another entry can be received."""
        return


class EventFeed:
    """Distributes new entries of the log. It belongs to the thread of the event loop."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._receivers: set[Receiver] = set()
        self._position = 0
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._joining = 0
        self._lagging: dict[Receiver, asyncio.Task[None]] = {}

    async def newest(self) -> int:
        """The position after which new entries follow."""
        return await self._backend.run(lambda: current_tail().newest())

    async def follow(self, receiver: Receiver) -> None:
        """Give a receiver the entries after its position, without a gap, and then the new ones."""
        self._joining += 1
        try:
            await self._start()
            # Nothing is awaited between the last comparison and the addition, so that no entry is left out.
            while receiver.position < self._position:
                await receiver.wait_for_room()
                entries = await self._after(receiver.position, 0.0)
                if not entries:
                    break
                receiver.offer(entries)
            self._receivers.add(receiver)
        finally:
            self._joining -= 1

    def leave(self, receiver: Receiver) -> None:
        """Give a receiver no more entries."""
        self._receivers.discard(receiver)
        task = self._lagging.pop(receiver, None)
        if task is not None:
            task.cancel()

    async def _start(self) -> None:
        async with self._starting:
            if self._reader is None:
                self._position = await self.newest()
                self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Read new entries until no receiver is left."""
        try:
            while self._receivers or self._joining:
                await self._read_next()
        finally:
            self._reader = None

    async def _read_next(self) -> None:
        try:
            entries = await self._after(self._position, WAIT_SECONDS)
        except Exception as error:
            log.warning("the event log cannot be read", extra={"error": repr(error)[:300]})
            await asyncio.sleep(RETRY_SECONDS)
            return
        if entries:
            self._position = entries[-1].position
        for receiver in tuple(self._receivers):
            if not receiver.offer(entries):
                self._let_catch_up(receiver)

    def _let_catch_up(self, receiver: Receiver) -> None:
        """Let a receiver read the log at its own pace, until it has caught up."""
        self.leave(receiver)
        task = asyncio.create_task(self.follow(receiver))
        self._lagging[receiver] = task
        task.add_done_callback(lambda _: self._lagging.pop(receiver, None))

    async def _after(self, position: int, timeout: float) -> Sequence[Entry]:
        return await self._backend.run(lambda: current_tail().after(position, timeout))
