"""Asking the other services what they hold on a person, with that person's own token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from heidi_common.http_client.client import ResponseTooLarge
from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.problems import Unavailable

TIME_LIMIT = 15.0
PAGES = (100, 10)
"""Rows asked for at once, and how many where so many are too large for one answer."""
LISTS = (
    ("notification", "notifications", "/api/v1/notifications"),
    ("notification", "devices", "/api/v1/notifications/devices"),
    ("integration", "integrations", "/api/v1/integrations"),
)
WHOLES = (("notification", "preferences", "/api/v1/notifications/preferences"),)
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
    query: dict[str, Any] = {}
    while True:
        answer = _body(service, _page(PeerRequest(service, path, query, headers=headers)))
        yield from answer["data"]
        if not answer["meta"].get("nextCursor"):
            return
        query["cursor"] = answer["meta"]["nextCursor"]


def _page(call: PeerRequest) -> PeerResponse:
    for limit in PAGES:
        reply = call_peer(replace(call, params={**call.params, "limit": limit}), timeout=TIME_LIMIT)
        if reply.error != ResponseTooLarge.__name__:
            break
    return reply


def _get(service: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    return _body(service, call_peer(PeerRequest(service, path, headers=headers), timeout=TIME_LIMIT))


def _body(service: str, reply: PeerResponse) -> dict[str, Any]:
    if reply.status != 200 or not isinstance(reply.body, dict):
        detail = f"The {service} service cannot tell what it holds just now."
        raise Unavailable(detail, code="export_incomplete", retry_after=5)
    return reply.body
