"""The words for values of the API: a status such as `FAILED` is shown as a word in the language of the page."""

from __future__ import annotations

from heidi_console.translations import lazy, translate

TERMS = {
    # statuses
    "PENDING": lazy("Waiting"),
    "SENT": lazy("Sent"),
    "FAILED": lazy("Failed"),
    "DELIVERED": lazy("Delivered"),
    "READ": lazy("Read"),
    "CANCELLED": lazy("Cancelled"),
    # outcomes of attempts
    "sent": lazy("Sent"),
    "failed": lazy("Failed"),
    "retry": lazy("To be retried"),
    "deferred": lazy("To be retried"),
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
    # roles
    "USER": lazy("User"),
    "MODERATOR": lazy("Moderator"),
    "ADMIN": lazy("Administrator"),
}


def term(value: str | None) -> str:
    """The word for a value of the API; the value itself if it has none."""
    return str(TERMS[value]) if value in TERMS else translate(str(value or ""))


def choices(*values: str) -> list[tuple[str, str]]:
    """The choices of a select field for values of the API."""
    return [(value, TERMS[value]) for value in values]
