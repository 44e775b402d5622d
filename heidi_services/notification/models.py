"""The tables of the notification service."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    Sequence,
    SmallInteger,
    Text,
    UniqueConstraint,
    case,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, Entity, utcnow
from heidi_common.messaging.jobs import JobMixin
from heidi_services.notification.enums import GENERAL, NotificationStatus, NotificationType

STREAM_SEQUENCE = Sequence("notification_stream", metadata=Base.metadata)
"""Positions in the in-app stream. They are drawn under a lock per user, so that a user's positions follow the order of
commits."""

NORMAL_PRIORITY, BULK_PRIORITY = 0, 5
UNHINTED = datetime(9999, 1, 1, tzinfo=UTC)
"""`hinted_until` of a bulk row that the clock has not released yet: no wake-up message is in flight or overdue."""

IS_UNREAD = "channel = 'IN_APP' AND status IN ('SENT', 'DELIVERED') AND hidden_at IS NULL"


class Notification(Entity, JobMixin, Base):
    """One message to one user over one channel; also the job that delivers it (see `JobMixin`).

    `sealed` holds secret template variables and a recipient's address, encrypted, until the message is sent.
    `stream_id` is the position of an in-app message in the user's stream.
    `retry_progress` is a RetryProgress, between the attempts of a delivery.
    `options` are those of its channel, as the request names them, such as `cc` of an e-mail.
    `attachments` lists the files of an e-mail: attached ones with `sha256`, linked ones with `linkId` and `expiresAt`.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_hinted", "priority", "hinted_until", postgresql_where=text("status = 'PENDING'")),
        Index(
            "ix_notifications_bulk_by_channel",
            "channel",
            "next_attempt_at",
            postgresql_where=text("status = 'PENDING' AND priority = 5"),
        ),
        Index(
            "ix_notifications_expiring",
            "expires_at",
            postgresql_where=text("status = 'PENDING' AND expires_at IS NOT NULL"),
        ),
        # The further columns let the user's list be counted without reading the rows, which lie far apart.
        Index(
            "ix_notifications_user_newest",
            *("user_id", "created_at", "id"),
            postgresql_include=["channel", "sent_at", "hidden_at"],
        ),
        Index("ix_notifications_unread_newest", "user_id", "created_at", "id", postgresql_where=text(IS_UNREAD)),
        Index(
            "ix_notifications_user_id_stream_id", "user_id", "stream_id", postgresql_where=text("stream_id IS NOT NULL")
        ),
        Index(
            "ix_notifications_batch_status", "batch_id", "status", "id", postgresql_where=text("batch_id IS NOT NULL")
        ),
        Index("ix_notifications_batch", "batch_id", "id", postgresql_where=text("batch_id IS NOT NULL")),
        Index("ix_notifications_template", "template", "id", postgresql_where=text("template IS NOT NULL")),
        Index("ix_notifications_failed_id", "id", postgresql_where=text("status = 'FAILED'")),
        Index("ix_notifications_pending_id", "id", postgresql_where=text("status = 'PENDING'")),
        Index("ix_notifications_provider_id", "provider_id", postgresql_where=text("provider_id IS NOT NULL")),
        Index("ix_notifications_failed", "created_at", postgresql_where=text("status = 'FAILED'")),
        Index(
            "ix_notifications_attachments",
            "attachments",
            postgresql_using="gin",
            postgresql_ops={"attachments": "jsonb_path_ops"},
            postgresql_where=text("attachments IS NOT NULL AND status IN ('PENDING', 'FAILED')"),
        ),
    )

    user_id: Mapped[UUID]
    sender_id: Mapped[UUID | None]
    batch_id: Mapped[UUID | None]
    type: Mapped[NotificationType] = mapped_column(Text, default=NotificationType.INFO)
    channel: Mapped[str]
    category: Mapped[str] = mapped_column(default=GENERAL)
    priority: Mapped[int] = mapped_column(SmallInteger, default=NORMAL_PRIORITY, server_default="0")
    subject: Mapped[str | None]
    content: Mapped[str | None]
    html: Mapped[str | None]
    extra: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB(none_as_null=True))
    attachments: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    options: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    template: Mapped[str | None]
    template_version: Mapped[int | None]
    locale: Mapped[str | None]
    sealed: Mapped[str | None]
    status: Mapped[NotificationStatus] = mapped_column(
        Text, default=NotificationStatus.PENDING, server_default="PENDING"
    )
    failure_reason: Mapped[str | None]
    provider_id: Mapped[str | None]
    scheduled_for: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    hidden_at: Mapped[datetime | None]
    stream_id: Mapped[int | None] = mapped_column(BigInteger)
    retry_progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    work, open_status = "notifications", "PENDING"
    queue = "notification"

    @classmethod
    def queue_of_row(cls) -> ColumnElement[str]:
        """The queue of bulk messages, or that of all others."""
        return case((cls.priority == BULK_PRIORITY, "bulk"), else_=cls.queue)

    @classmethod
    def due_order(cls) -> Any:
        """By the index hx_notifications_due_at."""
        return func.timezone("UTC", cls.next_attempt_at)

    @classmethod
    def oldest_due(cls) -> ColumnElement[Any]:
        """By the index hx_notifications_due_at: a plain one could make lists read the backlog."""
        return func.timezone("UTC", func.min(func.timezone("UTC", cls.next_attempt_at)))

    @classmethod
    def is_due_after(cls, moment: Any) -> ColumnElement[bool]:
        """By the same index."""
        condition: ColumnElement[bool] = func.timezone("UTC", cls.next_attempt_at) > func.timezone("UTC", moment)
        return condition

    @property
    def due_at(self) -> datetime | None:
        """When the next attempt is due: as scheduled, after a failed attempt, or at the end of quiet hours."""
        return self.next_attempt_at if self.status == NotificationStatus.PENDING else None


AGE = func.timezone("UTC", Notification.created_at)
"""The time of creation as retention compares it. The index hx_notifications_age has the same expression.

A plain index on `created_at` would support `ORDER BY created_at` too: the planner prefers it to the index of a user's
notifications when it expects many rows of that user, and reads those of all users.
"""


class Attempt(Base):
    """One call of a provider to deliver a notification, and its result.

    `error` is the provider's text about a failure, `response` that about an accepted message.
    """

    __tablename__ = "notification_attempts"
    __table_args__ = (Index("ix_notification_attempts_notification_id", "notification_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id", ondelete="CASCADE"))
    number: Mapped[int]
    provider: Mapped[str]
    outcome: Mapped[str]
    code: Mapped[str | None]
    provider_id: Mapped[str | None]
    error: Mapped[str | None]
    response: Mapped[str | None]
    started_at: Mapped[datetime]
    duration_ms: Mapped[int]

    @property
    def ambiguous(self) -> bool:
        return self.outcome == "ambiguous"


class AttachedContent(Base):
    """The content of attachments. Messages refer to it by its SHA-256 (`service/attachments`)."""

    __tablename__ = "notification_attached_contents"
    __table_args__ = (Index("ix_notification_attached_contents_used_at", "used_at"),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Batch(Base):
    """One message to many users."""

    __tablename__ = "notification_batches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    sender_id: Mapped[UUID]
    accepted: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


class Template(Entity, Base):
    """A named text for one channel in one language. `current` is the number of its current version."""

    __tablename__ = "notification_templates"
    __table_args__ = (UniqueConstraint("name", "channel", "locale"),)

    name: Mapped[str]
    channel: Mapped[str]
    locale: Mapped[str]
    category: Mapped[str | None]
    current: Mapped[int]


class TemplateVersion(Base):
    """One version of a template's text. It never changes, because queued notifications refer to it."""

    __tablename__ = "template_versions"

    template_id: Mapped[UUID] = mapped_column(
        ForeignKey("notification_templates.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str | None]
    body: Mapped[str]
    html: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


class NotificationPreferences(Base):
    """What a user has muted (`category:CHANNEL`), and their quiet hours. Without a row, nothing is muted."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    muted: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}")
    quiet_start: Mapped[time | None]
    quiet_end: Mapped[time | None]
    timezone: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow, server_default=func.now())


class PushDevice(Entity, Base):
    """A recipient of push notifications: an FCM token, or a Web Push endpoint (`token`) with its keys."""

    __tablename__ = "notification_devices"
    __table_args__ = (UniqueConstraint("token"), Index("ix_notification_devices_user_id", "user_id"))

    user_id: Mapped[UUID]
    kind: Mapped[str]
    token: Mapped[str]
    p256dh: Mapped[str | None]
    auth: Mapped[str | None]
    label: Mapped[str | None]


class SenderDomain(Base):
    """A domain from which e-mails may be sent, once its DNS contains the public key of its DKIM signatures.

    `private_key` is encrypted. `verified_at` is when the DNS record was first found; None: not yet.
    """

    __tablename__ = "notification_sender_domains"

    domain: Mapped[str] = mapped_column(primary_key=True)
    selector: Mapped[str]
    private_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    verified_at: Mapped[datetime | None]


HASH_PREFIX = "hmac:"


class Suppression(Base):
    """An address that nothing is sent to any more, because of a hard bounce, a complaint or a STOP.

    `address` of an erased user is the address's HMAC, which begins with HASH_PREFIX. `detail` is the provider's text.
    """

    __tablename__ = "notification_suppressions"
    __table_args__ = (
        UniqueConstraint("channel", "address"),
        Index(
            "ix_notification_suppressions_hashed", "channel", postgresql_where=text("\"left\"(address, 5) = 'hmac:'")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    channel: Mapped[str]
    address: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


IS_IN_FORCE = Suppression.expires_at.is_(None) | (Suppression.expires_at > func.now())
IS_HASHED = func.left(Suppression.address, literal_column(str(len(HASH_PREFIX)))) == literal_column(f"'{HASH_PREFIX}'")
"""Whether the address is an HMAC. The index ix_notification_suppressions_hashed has the same expression."""
