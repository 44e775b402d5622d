"""The contract of a provider: its settings, how it signs its webhooks, and where it puts IDs and types of events.

Signatures are verified over the raw bytes of the body: a body that was parsed and serialized again has another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from heidi_common.crypto.webhook_verification import InvalidSignature
from heidi_common.schemas.base import Schema

Credentials = Mapping[str, str]
Config = Mapping[str, Any]
Reply = tuple[bytes, str]
"""Body and content type of a response."""


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

    def query(self, name: str) -> str:
        """The first value of a parameter of the query; empty without it."""
        values = parse_qs(urlsplit(self.url).query, keep_blank_values=True).get(name)
        return values[0] if values else ""

    def header(self, name: str) -> str:
        """The value of a required header. Raises InvalidSignature if it is missing or empty."""
        value = self.headers.get(name.lower())
        if not value:
            raise InvalidSignature(f"header {name} is missing")
        return value


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event of a webhook. A webhook can carry many events (SendGrid) or none (Slack's handshake).

    Attributes:
        id: The sender's ID. None if it gave none: then equal bodies are different events, with the exceptions that
            `inbound` describes.
        type: The sender's name of the event type.
        body: What is stored.
        content: For an event without ID: the hash of its body. Set by `inbound`.
    """

    id: str | None
    type: str
    body: bytes
    content: str | None = None


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


def _no_timestamp(inbound: InboundWebhook, config: Config) -> str | None:
    return None


def is_success(status: int, body: bytes) -> bool:
    """Whether an HTTP status is 2xx."""
    return 200 <= status < 300


@dataclass(frozen=True, slots=True)
class Provider:
    """The declaration of a provider: one value in its own module, listed in `registry`.

    Attributes:
        name: The value of `provider` in the API and in the database, in capitals.
        description: What the provider is and sends, for people who choose one.
        credential_names: The names that may occur in `credentials`.
        can_verify: Whether the credentials and the config are sufficient to verify signatures. If not, every webhook
            is rejected.
        verify_signature: Raises InvalidSignature (or any other exception) unless the webhook is signed correctly.
        parse_events: Returns the events of a verified webhook.
        config_schema: The members of `config` that only this provider has.
        generated_credential: The name of a credential that the platform generates if the owner provides none.
        signature_timestamp: The time that the signature covers, as text; None if it covers none.
        build_reply: Returns body and content type of the response, if the provider expects a specific one.
        answer_challenge: Returns body and content type of the response to a GET by which the provider verifies the
            URL. Raises InvalidSignature. None if the provider sends none; may return None for other requests.
        find_errors: Returns errors of the credentials and the config: field path -> what the caller has to provide.
        probe_request: Returns an API request that succeeds only with valid credentials; None if there is no API key.
        probe_succeeded: Whether a response to `probe_request` (status, body) confirms the credentials.
        event_page_request: Returns the API request for a page of events (credentials, since in Unix seconds, cursor);
            None if the provider does not list its events.
        parse_event_page: Parses the response to `event_page_request`.
    """

    name: str
    description: str
    credential_names: tuple[str, ...]
    can_verify: Callable[[Credentials, Config], bool]
    verify_signature: Callable[[InboundWebhook, Credentials, Config], None]
    parse_events: Callable[[InboundWebhook, Config], Sequence[ReceivedEvent]]
    config_schema: type[Schema] = Schema
    generated_credential: str | None = None
    signature_timestamp: Callable[[InboundWebhook, Config], str | None] = _no_timestamp
    build_reply: Callable[[InboundWebhook], Reply | None] | None = None
    answer_challenge: Callable[[InboundWebhook, Credentials], Reply | None] | None = None
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
    """`sha256:` and the hexadecimal digest of content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def header_timestamp(name: str) -> Callable[[InboundWebhook, Config], str | None]:
    """A `signature_timestamp` for providers that send it as a header."""

    def read(inbound: InboundWebhook, config: Config) -> str | None:
        return inbound.headers.get(name.lower())

    return read


def received_event(event_id: object, event_type: object, body: bytes) -> ReceivedEvent:
    """An event of a JSON body; without ID and of type `unknown` if they are unusable."""
    return ReceivedEvent(id_or_type(event_id), id_or_type(event_type) or "unknown", body)


def id_or_type(value: object) -> str | None:
    """An event's ID or type as text: a non-empty string or an integer; None for every other value."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
