"""How many event streams, or long polls, one caller may have open at an endpoint.

Each occupies a thread of its process, so a caller with many would leave none to others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Response, current_app, request

from heidi_common.config.settings import Settings
from heidi_common.jwt.guards import caller
from heidi_common.problems import TooMany
from heidi_common.runtime import per_app

STREAMS_PER_USER = 10
"""For each endpoint, in each web process."""
RETRY_AFTER_SECONDS = 5

View = Callable[..., Any]


class OpenStreams:
    """The open streams of this process, counted by endpoint and caller. It is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[tuple[str, UUID]] = Counter()

    def reserve(self, endpoint: str, caller_id: UUID) -> Callable[[], None]:
        """Count one more stream.

        Args:
            endpoint: The name of the endpoint.
            caller_id: The user or machine client.

        Returns:
            A function that ends the stream. Calling it again has no effect.

        Raises:
            TooMany: The caller has as many open streams at this endpoint as are allowed.
        """
        key = endpoint, caller_id
        with self._lock:
            if self._open[key] >= STREAMS_PER_USER:
                raise TooMany(
                    f"You have {STREAMS_PER_USER} open streams. Close one first.", retry_after=RETRY_AFTER_SECONDS
                )
            self._open[key] += 1
        is_open = threading.Lock()

        def release() -> None:
            if is_open.acquire(blocking=False):
                self._release(key)

        return release

    def _release(self, key: tuple[str, UUID]) -> None:
        with self._lock:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


@per_app
def open_streams(_settings: Settings) -> OpenStreams:
    """The open streams of this process."""
    return OpenStreams()


def limits_streams(view: View) -> View:
    """Limit the streams that a caller has open at this endpoint, until the response is closed.

    It belongs directly above the function. Views that only sometimes wait call `reserve_stream` instead.
    """

    @wraps(view)
    def wrapper(*args: Any, **values: Any) -> Response:
        release = reserve_stream()
        try:
            response = current_app.make_response(view(*args, **values))
        except BaseException:
            release()
            raise
        response.call_on_close(release)
        return response

    wrapper.limits_streams = True  # type: ignore[attr-defined]  # a test compares it with the documented streams
    return wrapper


def reserve_stream() -> Callable[[], None]:
    """Count one more stream of the caller of this request at its endpoint. See `OpenStreams.reserve`."""
    return open_streams().reserve(request.endpoint or "", caller().id)
