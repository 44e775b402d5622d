"""What all sockets of a process share."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask

from heidi_common.interceptors.open_streams import open_streams
from heidi_realtime.backend import Backend
from heidi_realtime.channels.feed import EventFeed
from heidi_realtime.channels.status import StatusFeed


class Shared:
    """What all sockets of a process share."""

    def __init__(self, app: Flask) -> None:
        self.backend = Backend(app)
        self.feed = EventFeed(self.backend)
        self.status = StatusFeed(self.backend)

    def reserve(self, caller_id: str) -> Callable[[], None]:
        """Count one more socket of a caller; the limit is that of Server-Sent EventsChannel.

        Raises:
            TooMany: The caller has as many open as are allowed.
        """
        return open_streams().reserve("realtime", UUID(caller_id))
