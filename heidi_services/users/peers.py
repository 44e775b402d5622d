"""Asking the other services what they hold on a person, with that person's own token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import current_app

from heidi_common.outbound import OutboundError
from heidi_common.problems import Unavailable
from heidi_common.runtime import runtime

PORTS = {"notification": 4, "integration": 6}
"""Offset of a service's port from the first one's."""
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
    query: dict[str, str] = {"limit": "100"}
    while True:
        answer = _get(service, f"{path}?{urlencode(query)}", headers)
        yield from answer["data"]
        if not answer["meta"].get("nextCursor"):
            return
        query["cursor"] = answer["meta"]["nextCursor"]


def _get(service: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    ask: Callable[..., tuple[int, bytes]] = _here if f"docs-{service}" in current_app.blueprints else _there
    status, body = ask(service, path, headers)
    if status != 200:
        raise _away(service)
    answer: dict[str, Any] = orjson.loads(body)
    return answer


def _here(_service: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """One app serves all services: there may be no other server to ask."""
    response = current_app.test_client().get(path, headers=headers)
    return response.status_code, response.data


def _there(service: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    settings = runtime().settings
    base = settings.peer_url.format(port=settings.base_port + PORTS[service], service=service)
    try:
        response = runtime().outbound.request("GET", base + path, headers=headers, trusted=True)
    except OutboundError:
        raise _away(service) from None
    return response.status_code, response.content


def _away(service: str) -> Unavailable:
    detail = f"The {service} service cannot tell what it holds just now."
    return Unavailable(detail, code="export_incomplete", retry_after=5)
