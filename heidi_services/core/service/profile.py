"""The profile of a user, put together from several services."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.jwt.guards import Caller
from heidi_common.peers.client import call_peers, caller_headers
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.problems import NotFound, Unauthorized
from heidi_common.schemas.naming import camel

_RECENT_NOTIFICATIONS = 5


def build(user_id: UUID, caller: Caller) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Query the services that know the user, with the caller's token.

    Returns:
        The sections of the profile (None if the service did not respond), and the attributes of `ProfileMeta`.

    Raises:
        NotFound: The user does not exist, or the caller is neither the user nor an ADMIN.
        Unauthorized: The caller's session has ended in the meantime.
    """
    is_own = caller.id == user_id
    if not is_own and not caller.is_admin:
        raise _not_found()
    calls = _calls(user_id, is_own=is_own)
    responses = call_peers(calls)
    _check_access(responses["user"])
    unavailable = sorted({calls[name].service for name, response in responses.items() if not response.ok})
    sections = {name: _section(name, response) for name, response in responses.items()}
    cut = sorted(name for name, response in responses.items() if response.meta.get("hasMore"))
    return sections, {"unavailable": unavailable} | ({"truncated": list(map(camel, cut))} if cut else {})


def _calls(user_id: UUID, *, is_own: bool) -> dict[str, PeerRequest]:
    """Users are shown their own data by default; an administrator has to name the user."""
    user_filter = {} if is_own else {"userId": str(user_id)}
    headers = caller_headers()
    inbox = "/api/v1/notifications"
    recent = user_filter | {"limit": _RECENT_NOTIFICATIONS}
    return {
        "user": PeerRequest("users", f"/api/v1/users/{user_id}", headers=headers),
        "unread_count": PeerRequest("notification", f"{inbox}/unread-count", user_filter, headers=headers),
        "recent_notifications": PeerRequest("notification", inbox, recent, headers=headers),
        "integrations": PeerRequest("integration", "/api/v1/integrations", {"userId": str(user_id)}, headers=headers),
        "sessions": PeerRequest("auth", "/api/v1/auth/sessions", user_filter, headers=headers),
    }


def _check_access(user: PeerResponse) -> None:
    """Pass a rejection by the users service on. If that service is unavailable, the other sections are still shown."""
    if user.status == 401:
        raise Unauthorized("The session has ended.", error="invalid_token")
    if user.status in (403, 404):
        raise _not_found()


def _not_found() -> NotFound:
    return NotFound("User not found.")


def _section(name: str, response: PeerResponse) -> Any:
    if not response.ok:
        return None
    return response.data["count"] if name == "unread_count" else response.data
