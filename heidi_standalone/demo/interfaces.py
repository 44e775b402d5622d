"""GraphQL and WebSockets in the demonstration."""

from __future__ import annotations

import json
import secrets
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from heidi_standalone.api_client import TIMEOUT_SECONDS, ApiClient, StepFailed
from heidi_standalone.demo.accounts import DemoUser
from heidi_standalone.demo.terminal import Terminal

QUERY = """{ me { email notifications(first: 3) { totalCount nodes { status } } }
             nearby(latitude: 47.0, longitude: 9.5, first: 1) { name } }"""


def query_three_services(terminal: Terminal, user: DemoUser) -> None:
    """Read from users, notification and city in one GraphQL request."""
    with terminal.step("Read from three services with GraphQL") as report:
        data = user.api.post("/graphql", {"query": QUERY})
        if not data["me"] or not data["nearby"]:
            raise StepFailed(f"A service did not respond: {data}")
        report(f"{data['me']['notifications']['totalCount']} messages; near {data['nearby'][0]['name']}")


def receive_over_websocket(terminal: Terminal, admin: ApiClient, user: DemoUser) -> None:
    """Send an in-app notification, and receive it over a WebSocket."""
    content = f"The snow has melted, {secrets.token_hex(3)}"
    with terminal.step("Receive a message over a WebSocket") as report:
        url = user.api.base_url.replace("http", "ws", 1) + "/api/v1/realtime"
        token = str(user.api.session.headers["Authorization"]).removeprefix("Bearer ")
        try:
            with connect(url, open_timeout=TIMEOUT_SECONDS, proxy=None) as socket:
                _ask(socket, op="authenticate", token=token)
                _ask(socket, op="subscribe", channel="inbox")
                admin.post("/notifications", {"userId": user.id, "channel": "IN_APP", "content": content})
                report(f"ID {_wait_for(socket, content)} of the channel inbox")
        except (WebSocketException, TimeoutError) as error:
            raise StepFailed(f"No message arrived on the WebSocket: {error!r}.") from None


def _ask(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))
    response = json.loads(socket.recv(TIMEOUT_SECONDS))
    if response["op"] == "error":
        raise StepFailed(f"The WebSocket rejected `{message['op']}`: {response['problem']['detail']}")


def _wait_for(socket: ClientConnection, content: str) -> int:
    while True:
        message = json.loads(socket.recv(TIMEOUT_SECONDS))
        if message["op"] == "event" and message["data"].get("content") == content:
            return int(message["id"])
