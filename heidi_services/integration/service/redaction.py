"""What may stand in a log: no secret, and nothing that JSON in PostgreSQL cannot hold."""

from collections.abc import Iterable, Mapping

from heidi_common.database.models import storable_text

_SHOWN = frozenset(
    {
        "content-length",
        "content-type",
        "i-twilio-idempotency-token",
        "retry-after",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "x-slack-request-timestamp",
        "x-twilio-email-event-webhook-timestamp",
    }
)
_HIDDEN = "[redacted]"


def headers(given: Mapping[str, str]) -> dict[str, str]:
    """A list of what is shown, not of what is hidden: the next provider's token has a name nobody knows yet."""
    return {name: storable_text(value)[:500] for name, value in given.items() if name.lower() in _SHOWN}


def text(found: str, secrets: Iterable[str], limit: int) -> str:
    """An answer as far as it may be kept: an endpoint that echoes a secret does not get it into the log."""
    for secret in secrets:
        if len(secret) >= 6:
            found = found.replace(secret, _HIDDEN)
    return storable_text(found)[:limit]
