"""Personal data that other services store about a user, fetched with the access token of the user or an ADMIN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from heidi_common.http_client.errors import ResponseTooLarge
from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.problems import Unauthorized, Unavailable

TIMEOUT_SECONDS = 15.0
PAGE_SIZES = (100, 10)
"""Rows per request: the usual number, and the number where the response would otherwise be too large."""
PAGED_RESOURCES = (
    ("notification", "notifications", "/api/v1/notifications"),
    ("notification", "devices", "/api/v1/notifications/devices"),
    ("integration", "integrations", "/api/v1/integrations"),
)
PERSONAL_DATA = (
    ("notification", "/api/v1/notifications/personal-data", "hiddenNotifications attempts batches suppressions"),
    (
        "scheduler",
        "/api/v1/schedules/personal-data",
        "schedules failureNotifications runs monitors monitorAlerts pings",
    ),
    ("integration", "/api/v1/integrations/personal-data", "deliveryAttempts syncs"),
    ("core", "/api/v1/core/personal-data", "operations"),
    ("files", "/api/v1/files/personal-data", "files fileUploads fileLinks fileObjects"),
)
"""Services with parts that their other lists do not contain: service, path, names of the parts."""
SINGLE_RESOURCES = (("notification", "preferences", "/api/v1/notifications/preferences"),)
"""Resources that come in one response, without pages."""
PER_INTEGRATION = ("logs", "events", "deliveries")


def fetch_personal_data(user_id: UUID, authorization: str) -> dict[str, Any]:
    """Fetch all parts of a user's personal data that other services store.

    Args:
        user_id: The user. It is always named, since an ADMIN would otherwise get the integrations of all users.
        authorization: The `Authorization` header of the request: that of the user or of an ADMIN.

    Returns:
        Name of the part -> its data, as the API of its service returns it.

    Raises:
        Unavailable: `export_incomplete`, if a service does not return its part.
        Unauthorized: The session has ended meanwhile, or the token has expired.
    """
    return {
        name: data if isinstance(data, dict) else list(data) for name, data in personal_data(user_id, authorization)
    }


def personal_data(user_id: UUID, authorization: str) -> Iterator[tuple[str, dict[str, Any] | Iterator[Any]]]:
    """Fetch the parts one after another, each with its rows as they are fetched. Raises what the function above does.

    Args:
        user_id: As in `fetch_personal_data`.
        authorization: As in `fetch_personal_data`.
    """
    headers, of_user = {"Authorization": authorization}, {"userId": str(user_id)}
    for service, name, path in SINGLE_RESOURCES:
        yield name, _get(PeerRequest(service, path, of_user, headers=headers))["data"]
    for service, name, path in PAGED_RESOURCES:
        rows = _all_rows(service, path, headers, **of_user)
        yield name, (_with_details(row, headers) for row in rows) if name == "integrations" else rows
    for service, path, names in PERSONAL_DATA:
        for name in names.split():
            yield name, (row["record"] for row in _all_rows(service, path, headers, part=name, **of_user))


def _with_details(integration: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    paths = {part: f"/api/v1/integrations/{integration['id']}/{part}" for part in PER_INTEGRATION}
    return integration | {part: list(_all_rows("integration", path, headers)) for part, path in paths.items()}


def _all_rows(service: str, path: str, headers: dict[str, str], **query: Any) -> Iterator[Any]:
    while True:
        body = _body(service, _request_page(PeerRequest(service, path, query, headers=headers)))
        yield from body["data"]
        if not body["meta"].get("nextCursor"):
            return
        query["cursor"] = body["meta"]["nextCursor"]


def _request_page(request: PeerRequest) -> PeerResponse:
    for limit in PAGE_SIZES:
        response = call_peer(replace(request, params={**request.params, "limit": limit}), timeout=TIMEOUT_SECONDS)
        if response.error != ResponseTooLarge.__name__:
            break
    return response


def _get(request: PeerRequest) -> dict[str, Any]:
    return _body(request.service, call_peer(request, timeout=TIMEOUT_SECONDS))


def _body(service: str, response: PeerResponse) -> dict[str, Any]:
    if response.status == 401:
        raise Unauthorized("The session with which the export was requested has ended. Sign in and request it again.")
    if response.status != 200 or not isinstance(response.body, dict):
        detail = f"The export is incomplete: the {service} service is unavailable. Try again later."
        raise Unavailable(detail, code="export_incomplete", retry_after=5)
    return response.body
