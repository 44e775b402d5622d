"""What a provider is: how it signs what it sends, and how its events are told apart.

Every scheme works on the raw bytes of the body: a parsed and re-written body has another signature.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heidi_common.crypto.webhook_signatures import InvalidSignature

Credentials = Mapping[str, str]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inbound:
    """One request as it came in. Header names are lower case; `url` is the public one, not what `Host` claims."""

    body: bytes
    headers: Mapping[str, str]
    url: str
    now: float

    def header(self, name: str) -> str:
        value = self.headers.get(name.lower())
        if not value:
            raise InvalidSignature(f"header {name} is missing")
        return value


@dataclass(frozen=True, slots=True)
class Received:
    """One event of a request: a request may carry many (SendGrid) or none (Slack's handshake)."""

    id: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the provider's own API, for `test` and `sync`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pulled:
    """A page of the provider's own list of events; `cursor` is None on the last one."""

    events: Sequence[Received]
    cursor: str | None


Verify = Callable[[Inbound, Credentials, Config], None]
Events = Callable[[Inbound, Config], Sequence[Received]]


@dataclass(frozen=True, slots=True)
class Provider:
    """`credentials` are the names a caller may write; the receiver is closed unless `opened_by` says it can verify."""

    name: str
    credentials: frozenset[str]
    opened_by: Callable[[Credentials, Config], bool]
    verify: Verify
    events: Events
    reply: Callable[[Inbound], tuple[bytes, str] | None] = lambda inbound: None
    flaws: Callable[[Credentials, Config], Mapping[str, str]] = lambda credentials, config: {}
    probe: Callable[[Credentials], Call | None] = lambda credentials: None
    answered: Callable[[int, bytes], bool] = lambda status, body: 200 <= status < 300
    pull: Callable[[Credentials, float, str | None], Call] | None = None
    pulled: Callable[[bytes], Pulled] | None = None


def needs(name: str) -> Callable[[Credentials, Config], bool]:
    """The receiver needs this one credential."""
    return lambda credentials, config: bool(credentials.get(name))


def digest_of(body: bytes) -> str:
    """The event id of a body that has none."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def text(value: object) -> str | None:
    """An id or type found in a body: a non-empty string or a number, else None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
