"""What a channel consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a channel retries.

    Attributes:
        base: Upper bound of the pause before the second attempt, in seconds; each pause doubles it.
        cap: The longest pause in seconds.
        lasts: How long after the first failure the last attempt may be made.
    """

    base: float
    cap: float
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class RecipientLimit:
    """How many messages a user may get: `burst` together, then one every `refill_seconds`."""

    burst: int
    refill_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelDeclaration:
    """A channel over which notifications are sent.

    Attributes:
        name: The name in the API and in the database; must not change once it is in use.
        titles: How pages for users name the channel: language -> noun. Other languages get the English one.
        default_providers: The providers if `<name>_PROVIDERS` is unset. In production there are none then, unless
            `defaults_in_production`: a simulated delivery would hide the mistake.
        defaults_in_production: Whether the default providers are those of production too.
        retry: How failed deliveries are retried; None: messages are not sent by providers.
        address_field: The field of an account to which messages are sent; None: they are sent to the user's devices,
            or shown in the app.
        parse_address: Normalizes an address; it raises ValueError with a text for clients. None: there are no
            addresses, so none can be suppressed.
        max_characters: The longest text. None: the notification service measures the text as it is transmitted
            (`text_limits`), or only the limits of the API apply.
        recipient_limit: A limit for each user; categories that cannot be muted are exempt.
        has_html: Whether a message may have an HTML part.
        has_unsubscribe_link: Whether messages carry a link that mutes their category.
    """

    name: str
    titles: Mapping[str, str]
    default_providers: tuple[str, ...] = ()
    defaults_in_production: bool = False
    retry: RetryPolicy | None = None
    address_field: Literal["email", "phone"] | None = None
    parse_address: Callable[[str], str] | None = None
    max_characters: int | None = None
    recipient_limit: RecipientLimit | None = None
    has_html: bool = False
    has_unsubscribe_link: bool = False

    @property
    def waits_for_provider(self) -> bool:
        """Whether messages are sent by a provider, for which the sender waits."""
        return self.retry is not None

    @property
    def providers_variable(self) -> str:
        """The environment variable that names the channel's providers."""
        return f"{self.name}_PROVIDERS"
