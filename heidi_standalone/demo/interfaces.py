"""GraphQL, WebSockets, the OpenAPI document, the inbox component and Kafka in the demonstration."""

from __future__ import annotations

import json
import os
import secrets
import time
from typing import Any

import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from heidi_common.config.declaration import read
from heidi_common.config.sections.kafka import TOPIC, Kafka
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


def load_documents(terminal: Terminal, user: DemoUser) -> None:
    """Load what generators of clients and web pages of others need."""
    with terminal.step("Load OpenAPI and the inbox component") as report:
        document, component = (_load(user, path) for path in ("/docs/openapi.json", "/sdk/inbox.js"))
        count = sum(len(operations) for operations in document.json()["paths"].values())
        report(f"{count} operations; {len(component.content) // 1024} KiB of <heidi-inbox>")


def _load(user: DemoUser, path: str) -> requests.Response:
    response = requests.get(user.api.base_url + path, timeout=TIMEOUT_SECONDS)
    if not response.ok:
        raise StepFailed(f"GET {path} returned {response.status_code}.")
    return response


def read_from_kafka(terminal: Terminal, admin: ApiClient, user: DemoUser) -> None:
    """Read the events of a new message from Kafka. Without KAFKA_URL there is no such step."""
    kafka = Kafka(**read(Kafka, os.environ))
    if not kafka.kafka_url:
        return
    with terminal.step("Read an event from Kafka") as report:
        message = admin.post("/notifications", {"userId": user.id, "channel": "IN_APP", "content": "For Kafka"})
        event = _event_about(message["id"], kafka.kafka_options)
        report(f"{event['type']} {event['id']}")


def _event_about(subject: str, options: dict[str, str]) -> dict[str, Any]:
    """Read the topic from its start, until an event about a subject has arrived."""
    from confluent_kafka import Consumer  # an extra of this distribution

    consumer = Consumer(options | {"group.id": f"demo-{secrets.token_hex(4)}", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1.0)
            value = message.value() if message and not message.error() else None
            event: dict[str, Any] = json.loads(value) if value else {}
            if event.get("subject") == subject:
                return event
    finally:
        consumer.close()
    raise StepFailed("No event about the message arrived in Kafka.")
