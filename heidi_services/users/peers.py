"""Asking the other services what they hold on a person, with that person's own token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heidi_common.peers import Call, ask
from heidi_common.problems import Unavailable

TIME_LIMIT = 15.0
PAGE = 20
LISTS = (
    ("notification", "notifications", "/api/v1/notifications"),
    ("integration", "integrations", "/api/v1/integrations"),
)
WHOLES = (
    ("notification", "preferences", "/api/v1/notifications/preferences"),
    ("notification", "devices", "/api/v1/notifications/devices"),
)
"""What comes in one answer, without pages."""
PER_INTEGRATION = ("logs", "events", "deliveries")


def personal_data(authorization: str) -> dict[str, Any]:
    """name -> what the service that owns it shows; Unavailable when one cannot answer."""
    headers = {"Authorization": authorization}
    found: dict[str, Any] = {name: _get(service, path, headers)["data"] for service, name, path in WHOLES}
    for service, name, path in LISTS:
        found[name] = list(_pages(service, path, headers))
    for integration in found["integrations"]:
        for part in PER_INTEGRATION:
            path = f"/api/v1/integrations/{integration['id']}/{part}"
            integration[part] = list(_pages("integration", path, headers))
    return found


def _pages(service: str, path: str, headers: dict[str, str]) -> Iterator[Any]:
    query: dict[str, Any] = {"limit": PAGE}
    while True:
        answer = _get(service, path, headers, query)
        yield from answer["data"]
        if not answer["meta"].get("nextCursor"):
            return
        query["cursor"] = answer["meta"]["nextCursor"]


def _get(service: str, path: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> dict[str, Any]:
    reply = ask(Call(service, path, query or {}, headers=headers), timeout=TIME_LIMIT)
    if reply.status != 200 or not isinstance(reply.body, dict):
        detail = f"The {service} service cannot tell what it holds just now."
        raise Unavailable(detail, code="export_incomplete", retry_after=5)
    return reply.body
