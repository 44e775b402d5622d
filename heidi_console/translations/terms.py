"""The words for values of the API: a status such as `FAILED` is shown as a word in the language of the page."""

from __future__ import annotations

from wtforms.fields.choices import SelectChoice

from heidi_common.channels.registry import CHANNELS
from heidi_console.translations import lazy, translate

TERMS = {
    # statuses
    "PENDING": lazy("Waiting"),
    "SENT": lazy("Sent"),
    "FAILED": lazy("Failed"),
    "DELIVERED": lazy("Delivered"),
    "READ": lazy("Read"),
    "CANCELLED": lazy("Cancelled"),
    # states of services and work
    "up": lazy("Available"),
    "degraded": lazy("Degraded"),
    "down": lazy("Unavailable"),
    # outcomes of attempts
    "sent": lazy("Sent"),
    "temporary": lazy("Rejected for now"),
    "permanent": lazy("Rejected"),
    "technical": lazy("Not reachable"),
    "ambiguous": lazy("Unknown"),
    # why addresses are suppressed
    "bounced": lazy("It bounced"),
    "unknown_address": lazy("It does not exist"),
    "complaint": lazy("Complaint"),
    "stop": lazy("Replied STOP"),
    "unsubscribed": lazy("Unsubscribed"),
    "manual": lazy("By hand"),
    # directions of requests
    "IN": lazy("received"),
    "OUT": lazy("sent"),
    # outcomes
    "success": lazy("Success"),
    "failure": lazy("Failure"),
    "delivered": lazy("Delivered"),
    "failed": lazy("Failed"),
    # runs and operations
    "QUEUED": lazy("Queued"),
    "RUNNING": lazy("Running"),
    "SUCCEEDED": lazy("Succeeded"),
    "TIMED_OUT": lazy("Timed out"),
    "SKIPPED": lazy("Skipped"),
    "MISSED": lazy("Missed"),
    "COMPENSATED": lazy("Undone"),
    "CRON": lazy("Schedule"),
    "MANUAL": lazy("By hand"),
    "BACKFILL": lazy("Backfill"),
    "SKIP": lazy("Skip"),
    "LATEST": lazy("Run the latest one"),
    "ALL": lazy("Run all of them"),
    "QUEUE_ONE": lazy("Queue one run"),
    "ALLOW": lazy("Run both"),
    "RETRIED": lazy("To be retried"),
    "EVERY": lazy("Interval"),
    "AT": lazy("Once"),
    "QUEUE": lazy("Queue it"),
    "REPLACE": lazy("Cancel the oldest"),
    # monitors and pings
    "NEW": lazy("No ping yet"),
    "UP": lazy("Up"),
    "LATE": lazy("Late"),
    "DOWN": lazy("Down"),
    "PAUSED": lazy("Paused"),
    "FAIL": lazy("Failure"),
    "START": lazy("Started"),
    "LOG": lazy("Log"),
    # kinds of work
    "notifications": lazy("Messages"),
    "deliveries": lazy("Deliveries"),
    "runs": lazy("Runs"),
    "syncs": lazy("Synchronizations"),
    "operations": lazy("Operations"),
    "replays": lazy("Replays of events"),
    "files": lazy("Files"),
    "imports": lazy("Imports"),
    "exports": lazy("Exports"),
    "inbox": lazy("Events for the services"),
    "outbox": lazy("Events to be relayed"),
    "REFUSED": lazy("Rejected"),
    # results of imported lines
    "CREATED": lazy("Created"),
    "CHANGED": lazy("Changed"),
    "UNCHANGED": lazy("Unchanged"),
    # channels
    "EMAIL": lazy("E-mail"),
    "SMS": lazy("SMS"),
    "PUSH": lazy("Push"),
    "IN_APP": lazy("In-app"),
    # types of messages
    "INFO": lazy("Information"),
    "WARNING": lazy("Warning"),
    "ERROR": lazy("Error"),
    "SUCCESS": lazy("Success"),
    "ALERT": lazy("Alert"),
    # kinds of places
    "CITY": lazy("City"),
    "DISTRICT": lazy("Part of a city"),
    # files
    "READY": lazy("Ready"),
    "SCANNING": lazy("Being scanned"),
    "QUARANTINED": lazy("Quarantined"),
    "PRIVATE": lazy("Private"),
    "LINK": lazy("Link"),
    "PUBLIC": lazy("Public"),
    # roles
    "USER": lazy("User"),
    "MODERATOR": lazy("Moderator"),
    "ADMIN": lazy("Administrator"),
}


def term(value: str | None) -> str:
    """The word for a value of the API; the value itself if it has none."""
    return str(TERMS[value]) if value in TERMS else translate(str(value or ""))


def channel_choices() -> list[SelectChoice]:
    """The choices of a select field for a channel. One that has no term here is shown by its own title."""
    return [SelectChoice(name, TERMS.get(name) or declared.titles["en"]) for name, declared in CHANNELS.items()]


def choices(*values: str) -> list[SelectChoice]:
    """The choices of a select field for values of the API."""
    return [SelectChoice(value, TERMS[value]) for value in values]


REASONS = {
    "no_address": lazy("The account has no address for this channel. Add one to the account, then retry."),
    "suppressed": lazy("The address is suppressed: it bounced, complained, replied STOP or was suppressed by hand."),
    "expired": lazy("The message was not sent in time and has expired."),
    "user_deleted": lazy("The account was deleted."),
    "no_device": lazy("The account has no device for push messages."),
    "no_provider": lazy("No provider is configured for this channel. Configure one, then retry."),
    "template_failed": lazy("The template does not exist any more, or it needs a variable that is missing."),
    "too_long": lazy("The text is longer than the channel transmits. Shorten the template or its variables."),
    "muted": lazy("The user has muted this category."),
    "attachment_missing": lazy("The content of an attachment is not stored any more. Send the message again."),
    "sender_not_verified": lazy("The domain of the sender is not verified any more. Verify it, then retry."),
    "attempts_exhausted": lazy("All attempts have failed. Fix the cause that they show, then retry."),
    "misconfigured": lazy("The provider rejects the settings or credentials of this platform. Fix them, then retry."),
    "refused": lazy("The message was rejected; the attempt shows the response. Fix the cause, then retry."),
    "bounced": lazy("The e-mail came back: its address does not exist or accepts no mail."),
    "undelivered": lazy("The telephone network could not deliver the message."),
    "timeout": lazy("The server did not respond repeatedly. Check it, then retry."),
}


def reason(code: str | None) -> str:
    """Why a message failed, and what to do. Texts of providers are returned as they are."""
    return str(REASONS[code]) if code in REASONS else str(code or "")
