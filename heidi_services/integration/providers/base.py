"""The contract of a provider: how it signs its webhooks, and where it puts the IDs and types of its events.

Signatures are verified over the raw bytes of the body: a body that was parsed and serialized again has another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heidi_common.crypto.webhook_verification import InvalidSignature

Credentials = Mapping[str, str]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """One request from a provider, as received.

    Header names are in lower case. `url` is built from `PUBLIC_BASE_URL`, not from the `Host` header. `now` is the
    time of receipt in Unix seconds.
    """

    body: bytes
    headers: Mapping[str, str]
    url: str
    now: float

    def header(self, name: str) -> str:
        """The value of a required header. Raises InvalidSignature if it is missing or empty."""
        value = self.headers.get(name.lower())
        if not value:
            raise InvalidSignature(f"header {name} is missing")
        return value


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event of a webhook. A webhook can carry many events (SendGrid) or none (Slack's handshake)."""

    id: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the provider's own API, for `test` and `sync`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of the provider's list of events. `cursor` is None on the last page."""

    events: Sequence[ReceivedEvent]
    cursor: str | None


def _no_errors(credentials: Credentials, config: Config) -> Mapping[str, str]:
    return {}


def _no_probe(credentials: Credentials) -> None:
    return None


def is_success(status: int, body: bytes) -> bool:
    """Whether an HTTP status is 2xx."""
    return 200 <= status < 300


@dataclass(frozen=True, slots=True)
class Provider:
    """The declaration of a provider.

    Attributes:
        name: The value of `provider` in the API and in the database.
        credential_names: The names that may occur in `credentials`.
        can_verify: Whether the credentials and the config are sufficient to verify signatures. If not, every webhook
            is rejected.
        verify_signature: Raises InvalidSignature (or any other exception) unless the webhook is signed correctly.
        parse_events: Returns the events of a verified webhook.
        build_reply: Returns body and content type of the response, if the provider expects a specific one.
        find_errors: Returns errors of the credentials and the config: field path -> what the caller has to provide.
        probe_request: Returns an API request that succeeds only with valid credentials; None if there is no API key.
        probe_succeeded: Whether a response to `probe_request` (status, body) confirms the credentials.
        event_page_request: Returns the API request for a page of events (credentials, since in Unix seconds, cursor);
            None if the provider does not list its events.
        parse_event_page: Parses the response to `event_page_request`.
    """

    name: str
    credential_names: tuple[str, ...]
    can_verify: Callable[[Credentials, Config], bool]
    verify_signature: Callable[[InboundWebhook, Credentials, Config], None]
    parse_events: Callable[[InboundWebhook, Config], Sequence[ReceivedEvent]]
    build_reply: Callable[[InboundWebhook], tuple[bytes, str] | None] | None = None
    find_errors: Callable[[Credentials, Config], Mapping[str, str]] = _no_errors
    probe_request: Callable[[Credentials], ApiRequest | None] = _no_probe
    probe_succeeded: Callable[[int, bytes], bool] = is_success
    event_page_request: Callable[[Credentials, float, str | None], ApiRequest] | None = None
    parse_event_page: Callable[[bytes], EventPage] | None = None


def requires(credential_name: str) -> Callable[[Credentials, Config], bool]:
    """A `can_verify` for providers whose signatures need one credential."""

    def can_verify(credentials: Credentials, config: Config) -> bool:
        return bool(credentials.get(credential_name))

    return can_verify


def content_hash(content: bytes) -> str:
    """The event ID for content that has none: `sha256:` and the hexadecimal digest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def received_event(event_id: object, event_type: object, body: bytes) -> ReceivedEvent:
    """An event of a JSON body, with the hash of the body as its ID and `unknown` as its type if they are unusable."""
    return ReceivedEvent(id_or_type(event_id) or content_hash(body), id_or_type(event_type) or "unknown", body)


def id_or_type(value: object) -> str | None:
    """An event's ID or type as text: a non-empty string or an integer; None for every other value."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
