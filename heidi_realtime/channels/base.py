"""What every channel of a client has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from heidi_common.interceptors.event_stream import StreamStart
from heidi_realtime import messages
from heidi_realtime.backend import Origin
from heidi_realtime.outbox import Outbox

if TYPE_CHECKING:
    from heidi_realtime.channels.shared import Shared


@dataclass(frozen=True)
class Identity:
    """The caller, after the first message."""

    id: str
    token: str
    is_admin: bool
    address: str | None


class SocketClient(Protocol):
    """A client with an open socket, as channels see it. It has an identity before it can subscribe."""

    shared: Shared
    origin: Origin
    outbox: Outbox
    identity: Identity | None

    def end_channel(self, name: str, problem: dict[str, Any]) -> None:
        """End a channel that the client may no longer receive, and say why."""


class LiveChannel(ABC):
    """A channel to which a client has subscribed.

    Attributes:
        position: The ID after which its messages start.
    """

    position: int

    @abstractmethod
    async def start(self) -> None:
        """Begin to send, after the client was told that it has subscribed."""

    @abstractmethod
    def close(self) -> None:
        """Stop sending."""


def send_reset(client: SocketClient, name: str, start: StreamStart) -> None:
    """Tell a client that messages may be missing, as a stream of Server-Sent EventsChannel does."""
    for event in start.reset():
        client.outbox.put(messages.event(name, event.id, event.type, event.data))
