"""Process a received webhook with its provider's module: verify the signature, then parse the events."""

from __future__ import annotations

from collections.abc import Sequence

from heidi_common.crypto.webhook_verification import InvalidSignature
from heidi_services.integration.providers import base

MAX_NAME_LENGTH = 255
MAX_EVENTS_PER_WEBHOOK = 5000
"""A body of 1 MiB can contain 350,000 empty events, and the owner of an integration can sign such a body."""


def verify_and_parse(
    provider: base.Provider, inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config
) -> Sequence[base.ReceivedEvent]:
    """Verify the signature of a webhook and return its events.

    Args:
        provider: The provider whose scheme the sender has to use.
        inbound: The request as received.
        credentials: The decrypted credentials of the integration.
        config: The integration's `config`.

    Returns:
        The events, with IDs and types that can be stored. A body that the provider's parser rejects is one event.

    Raises:
        InvalidSignature: The signature is missing, invalid or cannot be verified. No other exception is raised.
    """
    try:
        provider.verify_signature(inbound, credentials, config)
    except InvalidSignature:
        raise
    except Exception as error:
        # Malformed headers make parsers fail in ways that cannot be listed. None of them proves the sender.
        raise InvalidSignature(f"cannot be verified ({type(error).__name__})") from None
    return [_storable(event) for event in _parse_events(provider, inbound, config)]


def _parse_events(
    provider: base.Provider, inbound: base.InboundWebhook, config: base.Config
) -> Sequence[base.ReceivedEvent]:
    try:
        events = provider.parse_events(inbound, config)
    except Exception:
        return [_unparsed(inbound)]
    return events if len(events) <= MAX_EVENTS_PER_WEBHOOK else [_unparsed(inbound)]


def _unparsed(inbound: base.InboundWebhook) -> base.ReceivedEvent:
    """The whole body as one event: its signature is valid, only its content is not as expected."""
    return base.ReceivedEvent(base.content_hash(inbound.body), "unknown", inbound.body)


def _storable(event: base.ReceivedEvent) -> base.ReceivedEvent:
    """PostgreSQL stores neither NUL nor lone surrogates, and limits the size of an index entry."""
    id_is_storable = event.id.isprintable() and len(event.id) <= MAX_NAME_LENGTH
    event_id = event.id if id_is_storable else base.content_hash(event.id.encode(errors="surrogatepass"))
    event_type = "".join(character for character in event.type if character.isprintable())[:MAX_NAME_LENGTH]
    return base.ReceivedEvent(event_id, event_type or "unknown", event.body)
