"""What goes to a channel and what comes back: plain values, no database and no Flask."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Outcome(StrEnum):
    """How one attempt ended, as its row says."""

    SENT = "sent"
    TEMPORARY = "temporary"  # the provider said: later
    PERMANENT = "permanent"  # the provider said: never
    TECHNICAL = "technical"  # we did not get through, or are set up wrongly
    AMBIGUOUS = "ambiguous"  # handed over, but the answer was lost: it may have arrived


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `id` is the same on every attempt, so that receivers can drop a repeat."""

    id: UUID
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    unsubscribe_url: str = ""
    keys: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the provider made of it.

    `final` stops the retries of an outcome that would otherwise have them (a wrong API key does not get
    better by waiting); `dead` says that the address itself is gone; `retry_after` is in seconds.
    """

    outcome: Outcome
    provider: str
    code: str = ""
    provider_id: str = ""
    error: str = ""
    retry_after: float | None = None
    final: bool = False
    dead: bool = False

    @property
    def sent(self) -> bool:
        return self.outcome is Outcome.SENT

    @property
    def unreachable(self) -> bool:
        """The provider never took it up, so another one may be asked without sending twice."""
        return self.outcome is Outcome.TECHNICAL

    @property
    def retryable(self) -> bool:
        return not (self.sent or self.final or self.outcome is Outcome.PERMANENT)


class Sender(Protocol):
    """A provider: hands a message over and says what came of it. It never raises for what the provider did."""

    @property
    def name(self) -> str: ...

    def takes(self, message: Message) -> bool:
        """Whether this provider can reach such a recipient at all."""
        ...

    def send(self, message: Message) -> Result: ...
