"""Whether the endpoint of an integration can receive a replay, as the integration service says."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from heidi_common.messaging.subscribers import overlap
from heidi_common.peers.client import call_peer, caller_headers
from heidi_common.peers.models import PeerRequest
from heidi_common.problems import Conflict, Invalid, Unavailable


def require_receiver(integration_id: UUID, types: Sequence[str]) -> None:
    """Check an integration with the caller's token, before a replay to it is stored.

    Args:
        integration_id: The integration.
        types: The event types or patterns to replay.

    Raises:
        Conflict: Events are not forwarded to the integration at present.
        Invalid: The integration does not exist, or has subscribed to none of the types.
        Unavailable: The integration service does not respond.
    """
    response = call_peer(PeerRequest("integration", f"/api/v1/integrations/{integration_id}", headers=caller_headers()))
    if response.status == 404:
        raise Invalid.field("integrationId", "No integration has this ID.")
    if not response.ok:
        raise Unavailable("The integration service is unavailable. Try again later.")
    if not response.data["isForwarding"]:
        raise Conflict(
            "The integration is switched off, or has no `webhookUrl` or no `eventTypes`.", code="integration_inactive"
        )
    subscribed = [str(pattern) for pattern in response.data["config"]["eventTypes"]]
    if not any(overlap(pattern, chosen) for pattern in subscribed for chosen in types):
        raise Invalid.field("types", f"The integration has subscribed to {', '.join(subscribed)} only.")
