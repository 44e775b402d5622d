"""Who sends webhooks to us. A provider is one file here and one line in the table."""

from collections.abc import Mapping, Sequence

from heidi_common.crypto.webhook_signatures import InvalidSignature
from heidi_services.integration.providers import custom, sendgrid, slack, stripe, twilio, webhook
from heidi_services.integration.providers.base import (
    Call,
    Config,
    Credentials,
    Inbound,
    Provider,
    Pulled,
    Received,
    digest_of,
)

__all__ = ["PROVIDERS", "Call", "Inbound", "Provider", "Pulled", "Received", "receive"]

PROVIDERS: Mapping[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (stripe, sendgrid, twilio, slack, webhook, custom)
}

_LONGEST_NAME = 255
MOST_EVENTS = 5000
"""In one request. A body of 1 MiB has room for 350,000 empty ones, and whoever made the integration can sign them."""


def receive(provider: Provider, inbound: Inbound, credentials: Credentials, config: Config) -> Sequence[Received]:
    """The events of a request that proves its sender. Raises Refused, and nothing else, for every other request."""
    try:
        provider.verify(inbound, credentials, config)
    except InvalidSignature:
        raise
    except Exception as error:
        # Hostile headers break parsers in ways nobody lists: whatever fails here is not a proof.
        raise InvalidSignature(f"cannot be verified ({type(error).__name__})") from None
    return [_storable(event) for event in _events(provider, inbound, config)]


def _events(provider: Provider, inbound: Inbound, config: Config) -> Sequence[Received]:
    try:
        found = provider.events(inbound, config)
    except Exception:
        found = None
    if found is None or len(found) > MOST_EVENTS:
        # The sender is proven, only the body is not what we know: kept whole, under its hash.
        return [Received(digest_of(inbound.body), "unknown", inbound.body)]
    return found


def _storable(event: Received) -> Received:
    """PostgreSQL takes neither NUL nor lone surrogates, and an index entry has a size limit."""
    plain = event.id.isprintable() and len(event.id) <= _LONGEST_NAME
    kept_id = event.id if plain else digest_of(event.id.encode(errors="surrogatepass"))
    kept_type = "".join(sign for sign in event.type if sign.isprintable())[:_LONGEST_NAME]
    return Received(kept_id, kept_type or "unknown", event.body)
