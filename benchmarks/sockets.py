"""Many WebSockets at the platform of `make run`: `python -m benchmarks.sockets [SOCKETS]`.

50 users open the sockets. One in-app message to each user must reach all of them.
Prints the memory of the role, and the time until the last socket had each message.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
from websockets.asyncio.client import ClientConnection, connect

from heidi_standalone.api_client import ApiClient
from heidi_standalone.target import RunningPlatform

USERS = 50
TIMEOUT_SECONDS = 60


def main(sockets: int) -> None:
    """Measure, and print the figures."""
    platform = RunningPlatform.from_env()
    admin = ApiClient(platform.base_url).sign_in(*platform.admin_credentials())
    asyncio.run(_measure(platform.base_url, admin, create_users(admin), sockets))


def create_users(admin: ApiClient) -> list[tuple[str, str]]:
    """Create USERS users; return the ID and an access token of each."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: _create_user(admin), range(USERS)))


def _create_user(admin: ApiClient) -> tuple[str, str]:
    """Create a user; return the ID and an access token."""
    credentials = {"email": f"{secrets.token_hex(8)}@example.com", "password": secrets.token_urlsafe(24)}
    identity: str = admin.post("/users", credentials)["id"]
    return identity, ApiClient(admin.base_url).post("/auth/login", credentials)["accessToken"]


async def _measure(base_url: str, admin: ApiClient, users: list[tuple[str, str]], count: int) -> None:
    url = base_url.replace("http:", "ws:") + "/api/v1/realtime"
    before = _memory("heidi_realtime")
    opened = [await _open(url, users[number % USERS][1]) for number in range(count)]
    print(f"{count} sockets: {before:.0f} MB before, {_memory('heidi_realtime'):.0f} MB after opening")
    seconds = await _deliver(admin, [identity for identity, _ in users], opened)
    print(f"a message to each user was at the last socket after {seconds:.2f} s; {_memory('heidi_realtime'):.0f} MB")
    for socket in opened:
        await socket.close()


async def _open(url: str, token: str) -> ClientConnection:
    socket = await connect(url, compression=None)
    for message in ({"op": "authenticate", "token": token}, {"op": "subscribe", "channel": "inbox"}):
        await socket.send(json.dumps(message))
        assert "error" not in json.loads(await socket.recv())["op"]
    return socket


async def _deliver(admin: ApiClient, user_ids: list[str], opened: list[ClientConnection]) -> float:
    """Send one message to each user; return the longest time from a request's response to the last of its sockets."""
    sent_at: dict[str, float] = {}

    def send() -> None:
        for user_id in user_ids:
            body = {"userId": user_id, "channel": "IN_APP", "content": "Hello"}
            sent_at[admin.post("/notifications", body)["id"]] = time.monotonic()

    async def receive(socket: ClientConnection) -> tuple[str, float]:
        while True:  # the welcome message of a new user may come first
            message = json.loads(await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS))
            if message["data"]["content"] == "Hello":
                return message["data"]["id"], time.monotonic()

    received, _ = await asyncio.gather(asyncio.gather(*map(receive, opened)), asyncio.to_thread(send))
    return max(at - sent_at[identity] for identity, at in received)


def _memory(name: str) -> float:
    """The proportional memory (PSS) of the processes whose command line has a name, in MB."""
    running = [
        process for process in psutil.process_iter(["cmdline"]) if name in " ".join(process.info["cmdline"] or [])
    ]
    return sum(process.memory_full_info().pss for process in running) / 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
