"""What a channel receives and returns: plain values, without database or Flask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from heidi_services.notification.channels.email_options import DEFAULT_OPTIONS, EmailOptions
from heidi_services.notification.channels.push_options import DEFAULT_PUSH_OPTIONS, PushOptions
from heidi_services.notification.enums import UNKNOWN_ADDRESS


class DeliveryOutcome(StrEnum):
    """How one call of a provider ended. Stored in the attempt's row."""

    SENT = "sent"
    TEMPORARY = "temporary"  # the provider rejected the message for now
    PERMANENT = "permanent"  # the provider rejected the message permanently
    TECHNICAL = "technical"  # the provider could not be reached, or rejected our configuration
    AMBIGUOUS = "ambiguous"  # the message was transmitted, but the response was lost: it may have been accepted


class Urgency(StrEnum):
    """How urgently a push service delivers, with the names of RFC 8030, section 5.3."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is sent with an e-mail. Its name is a single line without path separators."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient.

    Attributes:
        id: The notification's ID. It is the same in every attempt, so that recipients can drop a duplicate.
        recipient: An e-mail address, a phone number, an FCM token or a Web Push endpoint.
        html: Empty: the HTML part of an e-mail is derived from `text`.
        unsubscribe_url: Empty for messages that cannot be unsubscribed from.
        recipient_name: The name that mail programs show beside the address; empty: none.
        locale: The language of the text as a BCP 47 tag; empty: unknown.
        keys: The encryption keys of a Web Push subscription (`p256dh`, `auth`).
        expires_at: When a provider must stop trying to deliver the message; None: when it usually does.
        attachments: The files of an e-mail.
        email: Further options of an e-mail.
        push: Options of a push message.
    """

    id: UUID
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    unsubscribe_url: str = ""
    recipient_name: str = ""
    locale: str = ""
    keys: Mapping[str, str] | None = None
    expires_at: datetime | None = None
    urgency: Urgency = Urgency.NORMAL
    attachments: Sequence[Attachment] = ()
    email: EmailOptions = DEFAULT_OPTIONS
    push: PushOptions = DEFAULT_PUSH_OPTIONS

    @property
    def attached_bytes(self) -> int:
        """The size of all attachments."""
        return sum(len(attachment.content) for attachment in self.attachments)

    def seconds_left(self) -> int | None:
        """Return the whole seconds until the message expires, at least 1; None if it does not."""
        if self.expires_at is None:
            return None
        return max(1, int((self.expires_at - datetime.now(UTC)).total_seconds()))


@dataclass(frozen=True, slots=True)
class SendResult:
    """A provider's response to one message.

    Attributes:
        retry_after: Seconds that the provider asked to wait before the next attempt.
        misconfigured: The provider rejected our configuration, such as the API key or the URL. Operators are alerted,
            and the message waits for the fix.
        recipient_gone: The address itself must not be used again, for instance because it does not exist any more.
        suppression_reason: Why, if the address is suppressed.
        response: The provider's text about a message that it accepted, such as the number under which it is queued.
    """

    outcome: DeliveryOutcome
    provider: str
    code: str = ""
    provider_id: str = ""
    error: str = ""
    retry_after: float | None = None
    misconfigured: bool = False
    recipient_gone: bool = False
    suppression_reason: str = UNKNOWN_ADDRESS
    response: str = field(default="", compare=False)

    @property
    def sent(self) -> bool:
        return self.outcome is DeliveryOutcome.SENT

    @property
    def unreachable(self) -> bool:
        """Whether the provider never received the message, so that another provider cannot send it twice."""
        return self.outcome is DeliveryOutcome.TECHNICAL

    @property
    def retryable(self) -> bool:
        return not (self.sent or self.outcome is DeliveryOutcome.PERMANENT)


class Sender(Protocol):
    """Sends messages through one provider."""

    @property
    def name(self) -> str: ...

    def supports(self, message: Message) -> bool:
        """Return whether this provider can reach this kind of recipient at all."""
        ...

    def send(self, message: Message) -> SendResult:
        """Send one message. Never raises for a failure of the provider: the result describes it."""
        ...


@runtime_checkable
class KeepsConnections(Protocol):
    """A sender that keeps connections open between messages."""

    def interrupt(self) -> None:
        """Stop waiting for responses, because the process ends: the results of these calls are ambiguous."""
        ...

    def close(self) -> None:
        """Close them, because the process ends."""
        ...
