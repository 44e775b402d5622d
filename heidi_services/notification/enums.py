"""Enumerations and well-known categories of notifications."""

from enum import StrEnum


class NotificationType(StrEnum):
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    SUCCESS = "SUCCESS"
    ALERT = "ALERT"


class Channel(StrEnum):
    """The channels that the code refers to by name. All channels: `heidi_common.channels.registry`."""

    EMAIL = "EMAIL"
    SMS = "SMS"
    PUSH = "PUSH"
    IN_APP = "IN_APP"


class NotificationStatus(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    DELIVERED = "DELIVERED"
    READ = "READ"
    CANCELLED = "CANCELLED"


BOUNCED, UNKNOWN_ADDRESS, STOP = "bounced", "unknown_address", "stop"
COMPLAINT, UNSUBSCRIBED, MANUAL = "complaint", "unsubscribed", "manual"
UNWANTED = (COMPLAINT, UNSUBSCRIBED)
"""Reasons of suppressions whose address receives mail. They do not keep back the categories of UNMUTABLE, if the user
has proved that the address is theirs."""

GENERAL, SECURITY, CRITICAL, MARKETING = "general", "security", "critical", "marketing"
UNMUTABLE = (SECURITY, CRITICAL)
"""Categories that preferences, quiet hours and unsubscribe links do not affect."""
