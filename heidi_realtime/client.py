"""One socket: its requests, its channels, and why it is closed."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from heidi_common.problems import Conflict, NotFound, Problem, TooMany, Unauthorized
from heidi_realtime import messages, series
from heidi_realtime.backend import Origin, Rejected, rejected
from heidi_realtime.channels.base import Identity, LiveChannel
from heidi_realtime.channels.opening import open_channel
from heidi_realtime.channels.shared import Shared
from heidi_realtime.codes import Code
from heidi_realtime.outbox import Outbox, TooSlow

log = logging.getLogger(__name__)
SIGN_IN_SECONDS = 10.0
"""Time for the first message, which carries the token."""
SLOW_SECONDS = 10.0
"""A client that takes longer to receive a message is too slow."""
CLOSE_SECONDS = 20.0
"""Time for the client to receive what was sent before the socket is closed."""
CHANNELS_PER_SOCKET = 50
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+\Z")
"""A token goes into a header, where other characters are not allowed (RFC 6750, section 2.1)."""
JSON = dict[str, Any]


class Client:
    """A client with an open socket.

    Args:
        socket: The socket.
        shared: What all sockets of this process share.
        origin: Where the connection comes from.
    """

    def __init__(self, socket: ServerConnection, shared: Shared, origin: Origin) -> None:
        self.socket, self.shared, self.origin = socket, shared, origin
        self.outbox = Outbox()
        self.identity: Identity | None = None
        self._channels: dict[str, LiveChannel] = {}
        self._closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._release: list[Any] = []

    def close(self, code: int, reason: str) -> None:
        """Close the socket soon. Only the first call has an effect."""
        if not self._closing.done():
            self._closing.set_result((code, reason))

    async def run(self) -> None:
        """Serve the socket until one side closes it."""
        tasks: list[asyncio.Future[None]] = [asyncio.create_task(self._receive()), asyncio.create_task(self._send())]
        try:
            await asyncio.wait(
                cast(list[asyncio.Future[Any]], [*tasks, self._closing]), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._forget()
        await self._close()

    def _forget(self) -> None:
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()
        for release in self._release:
            release()

    async def _close(self) -> None:
        code, reason = self._closing.result() if self._closing.done() else (Code.DONE, "")
        series.closed.labels(str(int(code))).inc()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.socket.close(code, reason)
        except (ConnectionClosed, TimeoutError):
            self.socket.transport.abort()

    async def _send(self) -> None:
        try:
            while True:
                message = await self.outbox.get()
                async with asyncio.timeout(SLOW_SECONDS):
                    await self.socket.send(message)
                series.sent.inc()
        except (TooSlow, TimeoutError):
            self.close(Code.TOO_SLOW, "You read too slowly. Connect again, and resume after the last ID.")
        except ConnectionClosed:
            self.close(Code.DONE, "")

    async def _receive(self) -> None:
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS):
                await self._sign_in(await self.socket.recv())
            async for frame in self.socket:
                await self.outbox.wait_for_room()
                await self._handle(frame)
            self.close(Code.DONE, "")
        except TimeoutError:
            self.close(Code.UNAUTHORIZED, "The first message must be `authenticate` with an access token.")
        except ConnectionClosed:
            self.close(Code.DONE, "")
        except Exception:
            log.exception("a socket failed")
            self.close(Code.INTERNAL, "An unexpected error occurred.")

    async def _sign_in(self, frame: str | bytes) -> None:
        """Handle the first message. Any error ends the connection, after it was sent."""
        ref = None
        try:
            request = messages.parse(frame)
            ref = request["ref"]
            if request["op"] != "authenticate":
                raise Unauthorized("The first message must be `authenticate` with an access token.")
            await self._authenticate(request)
        except (Problem, Rejected) as error:
            problem = _problem(error)
            await self.socket.send(messages.response("error", ref, problem=problem))
            codes = {401: Code.UNAUTHORIZED, 429: Code.TOO_MANY}
            self.close(codes.get(problem["status"], Code.BAD_MESSAGE), problem["detail"][:100])
            await asyncio.sleep(CLOSE_SECONDS)  # until `run` ends this task

    async def _authenticate(self, request: JSON) -> None:
        """Find the caller of the token; later, replace the token by a newer one of the same caller."""
        if not _TOKEN.match(request["token"]):
            raise Unauthorized("The token is not valid.", error="invalid_token")
        session = await self.shared.backend.request("/realtime/session", self.origin, request["token"])
        if self.identity is not None and self.identity.id != session["id"]:
            raise Conflict("The token belongs to another caller. Open another connection.", code="other_caller")
        if self.identity is None:
            self._release.append(await self.shared.backend.run(self.shared.reserve, session["id"]))
        self.identity = Identity(session["id"], request["token"], session["isAdmin"], session["address"])
        members = {"id": session["id"], "expiresAt": session["expiresAt"]}
        self.outbox.put(messages.response("authenticated", request["ref"], **members))

    async def _handle(self, frame: str | bytes) -> None:
        ref = channel = None
        try:
            request = messages.parse(frame)
            ref, channel = request["ref"], request["channel"]
            await self._run(request)
        except (Problem, Rejected) as error:
            self.outbox.put(messages.response("error", ref, channel=channel, problem=_problem(error)))

    async def _run(self, request: JSON) -> None:
        match request["op"]:
            case "authenticate":
                await self._authenticate(request)
            case "ping":
                self.outbox.put(messages.response("pong", request["ref"]))
            case "unsubscribe":
                self._unsubscribe(request["channel"])
                self.outbox.put(messages.response("unsubscribed", request["ref"], channel=request["channel"]))
            case "resume":
                self._end_channel(request["channel"])
                await self._subscribe(request)
            case _:
                await self._subscribe(request)

    async def _subscribe(self, request: JSON) -> None:
        name = request["channel"]
        if name in self._channels:
            raise Conflict("You have subscribed to this channel. `resume` continues after an ID.", code="subscribed")
        if len(self._channels) >= CHANNELS_PER_SOCKET:
            raise TooMany(f"A connection can have {CHANNELS_PER_SOCKET} channels. Unsubscribe from one first.")
        channel = await open_channel(name, self, request["last_event_id"])
        self._channels[name] = channel
        subscribed = {"channel": name, "id": channel.position}
        self.outbox.put(messages.response("subscribed", request["ref"], **subscribed))
        await channel.start()

    def _unsubscribe(self, name: str) -> None:
        if name not in self._channels:
            raise NotFound("You have not subscribed to this channel.")
        self._end_channel(name)

    def _end_channel(self, name: str) -> None:
        channel = self._channels.pop(name, None)
        if channel is not None:
            channel.close()

    def end_channel(self, name: str, problem: JSON) -> None:
        """End a channel that the client may no longer receive, and say why."""
        self._end_channel(name)
        self.outbox.put(messages.response("closed", None, channel=name, problem=problem))


def _problem(error: Problem | Rejected) -> JSON:
    return error.problem if isinstance(error, Rejected) else rejected(error).problem
