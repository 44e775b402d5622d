"""The tables of the integration service.

`user_id` is the ID of a row in another service's table, so it has no foreign key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, Entity, utcnow
from heidi_common.identity.models import Role
from heidi_common.messaging.jobs import JobMixin
from heidi_common.metrics.problem_gauges import problem_gauge
from heidi_services.integration.enums import DeliveryStatus, SyncStatus


class Integration(Entity, Base):
    """A user's connection to a provider.

    `credentials` and all signing secrets are encrypted; the encryption context contains the row's ID.

    `owner_role` and `owner_active` are copied from the events about users, as of `owner_position` in the event log:
    this service does not read the tables of the users service.
    """

    __tablename__ = "integrations"
    __table_args__ = (
        Index("ix_integrations_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_integrations_created_at_id", "created_at", "id"),
        Index("ix_integrations_failing", "failing_since", postgresql_where=text("failing_since IS NOT NULL")),
        Index("ix_integrations_disabled", "updated_at", postgresql_where=text("disabled_reason IS NOT NULL")),
        Index(
            "ix_integrations_forwarding",
            "owner_role",
            "user_id",
            postgresql_where=text("is_active AND owner_active AND webhook_url IS NOT NULL"),
        ),
    )

    user_id: Mapped[UUID]
    owner_role: Mapped[Role] = mapped_column(Text)
    owner_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    owner_position: Mapped[int | None] = mapped_column(BigInteger)
    provider: Mapped[str]
    name: Mapped[str]
    webhook_url: Mapped[str | None]
    config: Mapped[dict[str, Any]]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    disabled_reason: Mapped[str | None]
    credentials: Mapped[str | None]
    endpoint_auth: Mapped[str | None]
    endpoint_auth_info: Mapped[dict[str, Any] | None]
    """What may be shown of `endpoint_auth`, which is encrypted."""
    signing_secret: Mapped[str]
    previous_signing_secret: Mapped[str | None]
    previous_valid_until: Mapped[datetime | None]
    older_signing_secrets: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """Those before the previous one that are still valid, each as `secret` (encrypted) and `validUntil`."""
    last_sync_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    last_failed_at: Mapped[datetime | None]
    is_unhealthy: Mapped[bool] = mapped_column("is_troubled", default=False, server_default=text("false"))
    """The last attempt failed or was slow. Unhealthy endpoints share a few worker threads."""

    @property
    def has_credentials(self) -> bool:
        return self.credentials is not None

    @property
    def is_forwarding(self) -> bool:
        """Whether events are forwarded to `webhook_url`."""
        return self.is_open and self.webhook_url is not None and bool(self.config.get("eventTypes"))

    @property
    def is_open(self) -> bool:
        """Whether webhooks are received and sent: both the integration and its owner's account are active."""
        return self.is_active and self.owner_active


class IntegrationLog(Base):
    """One incoming or outgoing HTTP request, redacted."""

    __tablename__ = "integration_logs"
    __table_args__ = (
        Index("ix_integration_logs_integration_id_created_at_id", "integration_id", "created_at", "id"),
        Index("ix_integration_logs_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integrations.id", ondelete="CASCADE"))
    direction: Mapped[str]
    action: Mapped[str]
    status: Mapped[str]
    status_code: Mapped[int | None]
    duration_ms: Mapped[int | None]
    request: Mapped[dict[str, Any] | None]
    response: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


class WebhookEvent(Base):
    """A verified event. The unique constraint discards events that a provider sends again."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        UniqueConstraint("integration_id", "provider_event_id"),
        Index("ix_webhook_events_integration_id_created_at_id", "integration_id", "created_at", "id"),
        Index("ix_webhook_events_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integrations.id", ondelete="CASCADE"))
    provider_event_id: Mapped[str]
    type: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


class Delivery(JobMixin, Base):
    """An event to be sent to a `webhookUrl`; the row is the job. Each attempt sends the stored `body` unchanged."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("integration_id", "event_id"),
        Index("ix_deliveries_integration_id_created_at_id", "integration_id", "created_at", "id"),
        Index("ix_deliveries_due", "integration_id", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_deliveries_created_at", "created_at"),
        Index("ix_deliveries_failed_id", "id", postgresql_where=text("status = 'FAILED'")),
        Index("ix_deliveries_pending_id", "id", postgresql_where=text("status = 'PENDING'")),
        Index("ix_deliveries_failures", "updated_at", postgresql_where=text("status = 'FAILED'")),
        Index("ix_deliveries_own_failures", "integration_id", "updated_at", postgresql_where=text("status = 'FAILED'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integrations.id", ondelete="CASCADE"))
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    body: Mapped[str] = mapped_column(Text, deferred=True)
    status: Mapped[DeliveryStatus] = mapped_column(Text, default=DeliveryStatus.PENDING, server_default="PENDING")
    response_status: Mapped[int | None]
    last_error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow, server_default=func.now())

    work, open_status = "deliveries", "PENDING"
    queue = "webhooks"

    attempt_log: Mapped[list[DeliveryAttempt]] = relationship(order_by="DeliveryAttempt.number", viewonly=True)

    @classmethod
    def oldest_due(cls) -> ColumnElement[Any]:
        """By the index hx_deliveries_due_at: a plain one could make lists read the backlog."""
        return func.timezone("UTC", func.min(func.timezone("UTC", cls.next_attempt_at)))

    @classmethod
    def due_order(cls) -> Any:
        """By the same index."""
        return func.timezone("UTC", cls.next_attempt_at)

    @classmethod
    def is_due_after(cls, moment: Any) -> ColumnElement[bool]:
        """By the same index."""
        condition: ColumnElement[bool] = func.timezone("UTC", cls.next_attempt_at) > func.timezone("UTC", moment)
        return condition


class DeliveryAttempt(Base):
    """One attempt to send a delivery: the response, and the time it took."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (Index("ix_delivery_attempts_delivery_id_number", "delivery_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"))
    number: Mapped[int]
    outcome: Mapped[str]
    status_code: Mapped[int | None]
    response: Mapped[str | None]
    error: Mapped[str | None]
    duration_ms: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


class Sync(JobMixin, Base):
    """A requested synchronization; the row is the job. `event_id` is the event that requested it."""

    __tablename__ = "syncs"
    __table_args__ = (
        UniqueConstraint("event_id"),
        Index("ix_syncs_integration_id", "integration_id"),
        Index("ix_syncs_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_syncs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("integrations.id", ondelete="CASCADE"))
    event_id: Mapped[UUID]
    status: Mapped[SyncStatus] = mapped_column(Text, default=SyncStatus.PENDING, server_default="PENDING")
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    finished_at: Mapped[datetime | None]

    work, open_status = "syncs", "PENDING"
    queue = "outbound"


problem_gauge(
    "endpoints_disabled",
    "Integrations that were disabled in the last seven days and still are",
    select(func.count())
    .select_from(Integration)
    .where(
        Integration.disabled_reason.is_not(None),
        ~Integration.is_active,
        Integration.updated_at > func.now() - text("interval '7 days'"),
    ),
)
