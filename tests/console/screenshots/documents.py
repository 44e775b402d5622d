"""The screenshots of the documents: one of each area, and examples of what `make demo` does not create."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from heidi_standalone.api_client import ApiClient


@dataclass(frozen=True)
class Picture:
    """A screenshot.

    Attributes:
        area: The area, and the name of the file.
        path: The page at which the way to it begins, after `/console/`.
        links: CSS selectors of the links on the way; of several elements the first one is followed.
        typed: Names of fields of the last page, and what is typed into them.
    """

    area: str
    path: str = ""
    links: tuple[str, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)


FIRST = "td.main a"
PICTURES = (
    Picture("home"),
    Picture("people", "people/", ("td.main a:has-text('Heidi Demo')",)),
    Picture("places", "places/?q=Zürich"),
    Picture("message", "people/", ("td.main a:has-text('Heidi Demo')", "a[href^='/console/messages/0'] >> nth=-1")),
    Picture(
        "template",
        "templates/",
        ("td.main a:has-text('order-shipped')", ".heading a.primary"),
        {"variables": '{"name": "Ada", "number": 7}'},
    ),
    Picture("mail", "mail/", ("td.main a:has-text('Welcome')",)),
    Picture("files", "files/"),
    Picture("schedule", "schedules/", ("td.main a:has-text('Demonstration')",)),
    Picture("monitor", "schedules/monitors/", (FIRST,)),
    Picture("webhook", "webhooks/", ("td.main a:has-text('Demonstration')",)),
    Picture("events", "events/"),
    Picture("operation", "operations/", (FIRST,)),
    Picture("audit", "audit/"),
    Picture("clients", "clients/"),
    Picture("account", "account/"),
)

TEMPLATE = {
    "name": "order-shipped",
    "channel": "EMAIL",
    "subject": "Order {{ number }} is on its way",
    "body": "Hello {{ name }},\n\nyour order {{ number }} is on its way.",
    "html": "<h1>Hello {{ name }}</h1><p>Your order <b>{{ number }}</b> is on its way.</p>",
}
OPERATION = {"type": "onboard-user", "input": {"email": "ada@heidi.test", "firstName": "Ada", "lastName": "Lovelace"}}
CLIENT = {"name": "billing", "scopes": ["notifications:write", "users:read"]}
MONITOR = {"name": "Nightly backup", "every": "P1D", "graceSeconds": 5400, "description": "Copies the vault"}


def create_examples(admin: ApiClient) -> None:
    """Create what is missing. They are created once, however often the pictures are taken."""
    _unless_listed(admin, "/notifications/templates", TEMPLATE)
    _unless_listed(admin, "/auth/clients", CLIENT)
    _unless_listed(admin, "/core/operations", OPERATION)
    _unless_listed(admin, "/files", {"name": "shopping.txt"}, _upload)
    if monitor := _unless_listed(admin, "/schedules/monitors", MONITOR):
        for outcome in ("/start", "", "/start", "/1", "/start", ""):
            requests.post(monitor["pingUrl"] + outcome, data=b"12 files copied", timeout=20).raise_for_status()


def _unless_listed(
    admin: ApiClient, path: str, example: Any, create: Callable[[ApiClient, str, Any], Any] = ApiClient.post
) -> Any:
    """Create an example unless the list has one of its name or type already; returns None then."""
    key = "name" if "name" in example else "type"
    is_listed = any(each[key] == example[key] for each in admin.get(path, limit=100))
    return None if is_listed else create(admin, path, example)


def _upload(admin: ApiClient, path: str, query: Any) -> Any:
    url, headers = f"{admin.base_url}/api/v1{path}", {"Content-Type": "text/plain"}
    response = admin.session.post(url, params=query, data=b"Milk, cheese, hay\n", headers=headers, timeout=20)
    response.raise_for_status()
    return response.json()["data"]
