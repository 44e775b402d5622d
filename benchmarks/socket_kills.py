"""Many WebSockets at the platform of `make run` while it is killed: `python -m benchmarks.socket_kills [SOCKETS]`.

50 users open the sockets and receive messages. Meanwhile core and the role of the sockets are killed (kill -9). Every
socket must receive every message of its user once and in order. Prints how long the last socket took to have them.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.sockets import USERS, create_users
from heidi_standalone.api_client import ApiClient
from heidi_standalone.servers.unix_sockets import socket_folder
from heidi_standalone.supervision.supervisor import SOCKET, supervisor_rpc
from heidi_standalone.target import RunningPlatform

ROUNDS = 12
KILLS = {2: "core", 4: "realtime", 7: "realtime", 9: "core"}
"""Round -> the program that is killed after its messages were sent."""
TIMEOUT_SECONDS = 120


class Client:
    """A client that connects again and resumes until it is stopped.

    Attributes:
        received: The IDs of the messages, in the order of their arrival.
        positions: The IDs with which it could resume.
        connections: How often it has connected.
    """

    def __init__(self, url: str, user_id: str, token: str) -> None:
        self.url, self.user_id, self.token = url, user_id, token
        self.received: list[str] = []
        self.positions: list[int] = []
        self.last: int | None = None
        self.connections = 0

    async def run(self) -> None:
        """Receive until the task is cancelled."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(self.url, compression=None, open_timeout=20) as socket:
                    await self._follow(socket)
            await asyncio.sleep(random.uniform(0.2, 1.0))

    async def _follow(self, socket: ClientConnection) -> None:
        start = {"op": "subscribe"} if self.last is None else {"op": "resume", "lastEventId": self.last}
        for message in ({"op": "authenticate", "token": self.token}, {**start, "channel": "inbox"}):
            await socket.send(json.dumps(message))
        async for frame in socket:
            self._handle(json.loads(frame))

    def _handle(self, message: dict[str, Any]) -> None:
        if message["op"] == "subscribed":
            self.connections += 1
            self.last = message["id"] if self.last is None else self.last
        elif message["op"] == "event":
            assert message["event"] == "notification", message
            self.last = message["id"]
            self.positions.append(message["id"])
            if message["data"]["content"] == "Hello":  # the welcome message of a new user may come first
                self.received.append(message["data"]["id"])


def main(sockets: int) -> int:
    """Run the scenario; the exit status is 0 if no socket has a gap or a duplicate."""
    platform = RunningPlatform.from_env()
    admin = platform.admin_client()
    users = create_users(admin)
    return asyncio.run(_run(platform, admin, users, sockets))


async def _run(platform: RunningPlatform, admin: ApiClient, users: list[tuple[str, str]], count: int) -> int:
    url = platform.base_url.replace("http:", "ws:") + "/api/v1/realtime"
    clients = [Client(url, *users[number % USERS]) for number in range(count)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    await _until(lambda: all(client.last is not None for client in clients), "not all sockets were opened")
    sent: dict[str, set[str]] = {identity: set() for identity, _ in users}
    for number in range(ROUNDS):
        await asyncio.to_thread(_send, admin, sent)
        if number in KILLS:
            await asyncio.to_thread(_kill, platform.home, KILLS[number])
    started = time.monotonic()
    await _until(lambda: all(sent[each.user_id] <= {*each.received} for each in clients), "messages are missing")
    print(f"{count} sockets have all messages {time.monotonic() - started:.2f} s after the last was sent")
    await asyncio.sleep(2)  # a duplicate would arrive now
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return _report(clients, sent)


def _send(admin: ApiClient, sent: dict[str, set[str]]) -> None:
    """Send a message to each user."""
    for identity, ids in sent.items():
        body = {"userId": identity, "channel": "IN_APP", "content": "Hello"}
        ids.add(admin.post("/notifications", body)["id"])


def _kill(home: Path, name: str) -> None:
    with supervisor_rpc(socket_folder(home / "run", SOCKET) / SOCKET) as rpc:
        (program,) = (info for info in rpc.getAllProcessInfo() if info["name"] == name)
    print(f"kill -9 {name}")
    os.kill(int(program["pid"]), signal.SIGKILL)


async def _until(condition: Any, problem: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"After {TIMEOUT_SECONDS} s {problem}.")
        await asyncio.sleep(0.1)


def _report(clients: list[Client], sent: dict[str, set[str]]) -> int:
    gaps = sum(len(sent[client.user_id] - {*client.received}) for client in clients)
    duplicates = sum(len(client.received) - len({*client.received}) for client in clients)
    disorder = sum(client.positions != sorted({*client.positions}) for client in clients)
    connections = Counter(client.connections for client in clients)
    print(f"{sum(len(client.received) for client in clients)} messages received; {gaps} missing, {duplicates} twice")
    print(
        f"sockets with messages out of order: {disorder}; connections -> sockets: {dict(sorted(connections.items()))}"
    )
    return 1 if gaps or duplicates or disorder else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
