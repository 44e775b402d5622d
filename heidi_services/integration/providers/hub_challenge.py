"""The GET by which a sender verifies that the owner of a URL wants its webhooks (`hub.challenge`).

Source: https://www.w3.org/TR/websub/#hub-verifies-intent; Meta adds `hub.verify_token`.
"""

from __future__ import annotations

from heidi_common.crypto.webhook_verification import InvalidSignature, verify_any_equal
from heidi_services.integration.providers.base import Credentials, InboundWebhook, Reply


def answer(inbound: InboundWebhook, credentials: Credentials) -> Reply | None:
    """Return the challenge of a sender that knows the credential `verifyToken`.

    Returns:
        None if the request is not such a challenge.

    Raises:
        InvalidSignature: The token is wrong, or the integration has none.
    """
    challenge = inbound.query("hub.challenge")
    if not challenge or inbound.query("hub.mode") != "subscribe":
        return None
    expected = credentials.get("verifyToken")
    if not expected:
        raise InvalidSignature("the integration has no `verifyToken`")
    verify_any_equal(inbound.query("hub.verify_token").encode(errors="surrogatepass"), expected.encode())
    return challenge.encode(errors="replace"), "text/plain; charset=utf-8"
