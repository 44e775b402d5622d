"""Notifications in the demonstration: an e-mail, read from the Maildir, and an in-app one, read from an SSE stream."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import requests

from heidi_standalone.api_client import ApiClient, StepFailed
from heidi_standalone.demo.accounts import DemoUser
from heidi_standalone.demo.maildir import MailReader
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Terminal


def send_email(terminal: Terminal, admin: ApiClient, user: DemoUser, mails: MailReader) -> str:
    """Send one e-mail by two requests with the same Idempotency-Key; return the ID of the message."""
    subject, key = f"Your train to Maienfeld {secrets.token_hex(3)}", secrets.token_hex(16)
    body = {"userId": user.id, "channel": "EMAIL", "subject": subject, "content": "It leaves from platform 9."}
    with terminal.step("Send an e-mail, requested twice") as report:
        first, second = (admin.post("/notifications", body, idempotency_key=key) for _ in range(2))
        if first["id"] != second["id"]:
            raise StepFailed("Two requests with the same Idempotency-Key created two notifications.")
        report("accepted; the repeated Idempotency-Key created no second one")
    with terminal.step("Receive the e-mail") as report:
        mail = wait_for(lambda: mails.find(user.email, subject), "The e-mail")
        report(f"From {mail['From']}, Message-ID {mail['Message-ID']}")
        report(f"status of the notification: {_wait_for_status(admin, first['id'])}")
    return str(first["id"])


def _wait_for_status(admin: ApiClient, notification_id: str) -> str:
    def poll() -> str | None:
        status: str = admin.get(f"/notifications/{notification_id}")["status"]
        return None if status == "PENDING" else status

    return wait_for(poll, "The status SENT")


def send_in_app(terminal: Terminal, admin: ApiClient, user: DemoUser) -> None:
    """Send an in-app notification, receive it on the user's stream, and mark it as read."""
    content = f"Peter is waiting on the alp, {secrets.token_hex(3)}"
    with (
        terminal.step("Send an in-app notification over SSE") as report,
        closing(user.api.stream("/notifications/stream")) as stream,
    ):
        admin.post("/notifications", {"userId": user.id, "channel": "IN_APP", "content": content})
        notification = next((event for event in _events(stream) if event["content"] == content), None)
        if notification is None:
            raise StepFailed("The stream ended before the notification arrived.")
        report(f"{notification['status']}: {notification['content']}")
    with terminal.step("Mark it as read") as report:
        before = user.api.get("/notifications/unread-count")["count"]
        user.api.post(f"/notifications/{notification['id']}/read")
        after = user.api.get("/notifications/unread-count")["count"]
        if after != before - 1:
            raise StepFailed(f"Expected one unread notification less; there were {before} before and {after} after.")
        report(f"unread before: {before}, after: {after}")


def _events(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield the data of each event; comments, which keep the connection open, are skipped."""
    try:
        for line in response.iter_lines():
            if line.startswith(b"data:"):
                yield json.loads(line[5:])
    except requests.RequestException as error:
        raise StepFailed(f"No event arrived on the stream: {type(error).__name__}.") from None
