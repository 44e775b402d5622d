"""Process a received webhook with its provider's module: verify the signature, then parse the events.

An event without an ID gets one that is unique, so that two equal bodies are two events. If the signature covers a time,
the ID is made of that time and the body instead: an equal body with an equal time is a repetition of the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from heidi_common.crypto.webhook_verification import InvalidSignature
from heidi_services.integration.providers import base

MAX_NAME_LENGTH = 255
MAX_EVENTS_PER_WEBHOOK = 5000
"""A body of 5 MiB can contain 1.7 million empty events, and the owner of an integration can sign such a body."""


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
    events = _parse_events(provider, inbound, config)
    timestamp = provider.signature_timestamp(inbound, config)
    return [_storable(_identified(event, timestamp)) for event in events]


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
    return base.ReceivedEvent(None, "unknown", inbound.body)


def _identified(event: base.ReceivedEvent, timestamp: str | None) -> base.ReceivedEvent:
    """The event with an ID: `sha256:`, the hash of the body, `@`, and the signed time or a new UUID."""
    if event.id is not None:
        return event
    content = base.content_hash(event.body)
    return replace(event, id=f"{content}@{timestamp or uuid4()}", content=content)


def _storable(event: base.ReceivedEvent) -> base.ReceivedEvent:
    """PostgreSQL stores neither NUL nor lone surrogates, and limits the size of an index entry."""
    event_id = str(event.id)
    if not event_id.isprintable() or len(event_id) > MAX_NAME_LENGTH:
        event_id = base.content_hash(event_id.encode(errors="surrogatepass"))
    event_type = "".join(character for character in event.type if character.isprintable())[:MAX_NAME_LENGTH]
    return replace(event, id=event_id, type=event_type or "unknown")
