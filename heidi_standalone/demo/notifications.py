"""Notifications: by e-mail, seen in the Maildir; in the app, seen on an open stream."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import requests

from heidi_standalone.api_client import Api, Failed
from heidi_standalone.demo.accounts import Person
from heidi_standalone.demo.maildir import Maildir
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Screen


def email(screen: Screen, admin: Api, person: Person, mails: Maildir) -> None:
    """Asked for twice with one Idempotency-Key, delivered once."""
    subject, key = f"Your train to Maienfeld {secrets.token_hex(3)}", secrets.token_hex(16)
    body = {"userId": person.id, "channel": "EMAIL", "subject": subject, "content": "It leaves from platform 9."}
    with screen.step("Send an e-mail notification") as tell:
        accepted = [admin.post("/notifications", body, idempotency_key=key) for _ in range(2)]
        if accepted[0]["id"] != accepted[1]["id"]:
            raise Failed("the same Idempotency-Key made two notifications")
        tell("accepted; the same request again changed nothing")
    with screen.step("See it delivered") as tell:
        mail = wait_for(lambda: mails.find(person.email, subject), "The mail")
        tell(f"From {mail['From']}, Message-ID {mail['Message-ID']}")
        tell(f"its status is {_status(admin, accepted[0]['id'])}")


def _status(admin: Api, notification_id: str) -> str:
    def look() -> str | None:
        status: str = admin.get(f"/notifications/{notification_id}")["status"]
        return None if status == "PENDING" else status

    return wait_for(look, "The status SENT")


def in_app(screen: Screen, admin: Api, person: Person) -> None:
    content = f"Peter waits on the alp, {secrets.token_hex(3)}"
    with (
        screen.step("An in-app notification over SSE") as tell,
        closing(person.api.stream("/notifications/stream")) as s,
    ):
        admin.post("/notifications", {"userId": person.id, "channel": "IN_APP", "content": content})
        found = next((one for one in _events(s) if one["content"] == content), None)
        if found is None:
            raise Failed("the stream ended before the notification came")
        tell(f"{found['status']}: {found['content']}")
    with screen.step("Read it") as tell:
        before = person.api.get("/notifications/unread-count")["count"]
        person.api.post(f"/notifications/{found['id']}/read")
        after = person.api.get("/notifications/unread-count")["count"]
        if (before, after) != (after + 1, before - 1):
            raise Failed(f"unread before {before}, after {after}")
        tell(f"unread before: {before}, after: {after}")


def _events(response: requests.Response) -> Iterator[dict[str, Any]]:
    """The data of each event of the stream (comments keep the line open, and are not for us)."""
    try:
        for line in response.iter_lines():
            if line.startswith(b"data:"):
                yield json.loads(line[5:])
    except requests.RequestException as error:
        raise Failed(f"nothing came on the stream: {type(error).__name__}") from None
