"""Remove secrets from what is logged or stored, and characters that PostgreSQL cannot store."""

from collections.abc import Iterable, Mapping

from heidi_common.database.models import storable_text

MAX_HEADER_LENGTH = 500
MIN_SECRET_LENGTH = 6
_LOGGED_HEADERS = frozenset(
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
_PLACEHOLDER = "[redacted]"


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may be logged. An allow-list, because a new provider's token can be in any header."""
    allowed = {name: value for name, value in headers.items() if name.lower() in _LOGGED_HEADERS}
    return {name: storable_text(value)[:MAX_HEADER_LENGTH] for name, value in allowed.items()}


def redact_text(text: str, secrets: Iterable[str], limit: int) -> str:
    """Replace secrets in a text, since an endpoint may echo them, and truncate it.

    Args:
        text: A response body or an error message.
        secrets: The secrets to replace. Those shorter than 6 characters are ignored: they would match by chance.
        limit: The maximum length of the result, in characters.
    """
    for secret in secrets:
        if len(secret) >= MIN_SECRET_LENGTH:
            text = text.replace(secret, _PLACEHOLDER)
    return storable_text(text)[:limit]
