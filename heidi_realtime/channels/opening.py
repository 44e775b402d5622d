"""From the name of a channel to the channel: `inbox`, `status`, `events:<pattern>`, `batch:<id>` and others."""

from __future__ import annotations

from uuid import UUID

from heidi_common.problems import Invalid
from heidi_realtime.channels.base import LiveChannel, SocketClient
from heidi_realtime.channels.events import open_events
from heidi_realtime.channels.inbox import open_inbox
from heidi_realtime.channels.resources import RESOURCES, open_resource
from heidi_realtime.channels.status import open_status

_NAMES = "Must be `inbox`, `status`, `events:<pattern>`, `batch:<id>`, `operation:<id>` or `schedule:<id>`."


async def open_channel(name: str, client: SocketClient, last_event_id: int | None) -> LiveChannel:
    """Open a channel for a client.

    Args:
        name: The name, from an untrusted source.
        client: The client, who has signed in.
        last_event_id: The message after which the client resumes; None to start now.

    Raises:
        Invalid: The channel does not exist.
        Rejected: The client may not receive it.
    """
    kind, separator, rest = name.partition(":")
    if name == "inbox":
        return await open_inbox(client, last_event_id)
    if name == "status":
        return await open_status(client)
    if kind == "events" and separator:
        return await open_events(name, rest, client, last_event_id)
    if kind in RESOURCES and (identity := _uuid(rest)):
        return await open_resource(name, RESOURCES[kind], identity, client)
    raise Invalid.field("channel", _NAMES)


def _uuid(text: str) -> UUID | None:
    try:
        identity = UUID(text)
    except ValueError:
        return None
    return identity if str(identity) == text.lower() else None
