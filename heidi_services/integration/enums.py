"""Names of providers and status values, as they are stored and sent."""

from __future__ import annotations

from enum import StrEnum


class ProviderName(StrEnum):
    STRIPE = "STRIPE"
    SENDGRID = "SENDGRID"
    TWILIO = "TWILIO"
    SLACK = "SLACK"
    WEBHOOK = "WEBHOOK"
    CUSTOM = "CUSTOM"


class DeliveryStatus(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class SyncStatus(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"
