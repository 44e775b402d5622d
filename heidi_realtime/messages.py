"""What is sent over a socket: the requests of clients, and the messages of the server, as JSON objects."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import orjson

from heidi_common.interceptors.strict_json import read_json
from heidi_common.problems import BadRequest, Invalid
from heidi_common.schemas.error_pointers import invalid
from heidi_realtime.schemas import ClientMessage

MAX_BYTES = 64 * 1024
"""The size of a message in either direction."""
_REQUEST = ClientMessage()
JSON = dict[str, Any]


def parse(frame: str | bytes) -> JSON:
    """Parse a message of a client.

    Args:
        frame: The frame, from an untrusted source.

    Returns:
        The members of `ClientMessage`.

    Raises:
        BadRequest: The frame is not text with strict JSON.
        Invalid: Members are wrong.
    """
    if isinstance(frame, bytes):
        raise BadRequest("Send text frames with JSON.", code="malformed_json")
    try:
        request: JSON = _REQUEST.load(read_json(frame.encode(errors="surrogatepass")))
    except ma.ValidationError as error:
        raise invalid(error.messages, "") from None
    _require(request, "channel", needed=request["op"] in ("subscribe", "resume", "unsubscribe"))
    _require(request, "token", needed=request["op"] == "authenticate")
    _require(request, "last_event_id", needed=request["op"] == "resume")
    return request


def _require(request: JSON, name: str, *, needed: bool) -> None:
    if needed and request[name] is None:
        shown = {"last_event_id": "lastEventId"}.get(name, name)
        raise Invalid.field(shown, f"`{request['op']}` requires this field.")


def response(op: str, ref: str | None, **members: Any) -> str:
    """A response to a client, such as `subscribed`. Members that are None are left out."""
    shown = {name: value for name, value in members.items() if value is not None}
    return orjson.dumps({"op": op} | ({"ref": ref} if ref is not None else {}) | shown).decode()


def event(channel: str, position: int, type: str, data: str | JSON) -> str:
    """A message of a channel.

    Args:
        channel: The channel.
        position: The ID of the message, with which a client resumes after it.
        type: The type of the event.
        data: JSON, as an object or as text.

    Returns:
        The message. If it would be too large, `truncated` is true and `data` has nothing but the `id`.
    """
    members = {"op": "event", "channel": channel, "id": position, "event": type}
    content = orjson.Fragment(data) if isinstance(data, str) else data
    text = orjson.dumps(members | {"data": content})
    if len(text) > MAX_BYTES:
        full = orjson.loads(data) if isinstance(data, str) else data
        text = orjson.dumps(members | {"truncated": True, "data": {"id": full.get("id")}})
    return text.decode()
