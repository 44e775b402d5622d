"""One person, as several services know them, in one answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.jwt.guards import Caller
from heidi_common.peers.client import call_peers, caller_headers
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.problems import NotFound, Unauthorized

_RECENT = 5


def profile(user_id: UUID, asker: Caller) -> tuple[dict[str, Any], list[str]]:
    """The parts, and the services that could not give theirs."""
    if asker.id != user_id and not asker.is_admin:
        raise NotFound("There is no such user.")
    calls = _calls(user_id, own=asker.id == user_id)
    replies = call_peers(calls)
    _refuse(replies["user"])
    unavailable = sorted({calls[name].service for name, reply in replies.items() if not reply.ok})
    return {name: _take(name, reply) for name, reply in replies.items()}, unavailable


def _calls(user_id: UUID, *, own: bool) -> dict[str, PeerRequest]:
    """A person asks for what is theirs; an administrator says whose."""
    whose = {} if own else {"userId": str(user_id)}
    headers = caller_headers()
    inbox = "/api/v1/notifications"
    return {
        "user": PeerRequest("users", f"/api/v1/users/{user_id}", headers=headers),
        "unread_count": PeerRequest("notification", f"{inbox}/unread-count", whose, headers=headers),
        "recent_notifications": PeerRequest("notification", inbox, whose | {"limit": _RECENT}, headers=headers),
        "integrations": PeerRequest("integration", "/api/v1/integrations", {"userId": str(user_id)}, headers=headers),
        "sessions": PeerRequest("auth", "/api/v1/auth/sessions", whose, headers=headers),
    }


def _refuse(user: PeerResponse) -> None:
    """What the users service refuses is refused; when it is away, the rest is still an answer."""
    if user.status == 401:
        raise Unauthorized("The session has ended.", error="invalid_token")
    if user.status in (403, 404):
        raise NotFound("There is no such user.")


def _take(name: str, reply: PeerResponse) -> Any:
    if not reply.ok:
        return None
    return reply.data["count"] if name == "unread_count" else reply.data
