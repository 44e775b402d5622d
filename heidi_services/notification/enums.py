"""The words a notification is described with."""

from enum import StrEnum


class Type(StrEnum):
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    SUCCESS = "SUCCESS"
    ALERT = "ALERT"


class Channel(StrEnum):
    EMAIL = "EMAIL"
    SMS = "SMS"
    PUSH = "PUSH"
    IN_APP = "IN_APP"


class Status(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    DELIVERED = "DELIVERED"
    READ = "READ"
    CANCELLED = "CANCELLED"


GENERAL, SECURITY, CRITICAL, MARKETING = "general", "security", "critical", "marketing"
UNMUTABLE = (SECURITY, CRITICAL)
"""Categories that no preference, quiet hour or unsubscribe link can silence."""
