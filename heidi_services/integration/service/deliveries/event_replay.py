"""Replay past events to the endpoint of one integration, whether they were delivered, failed or never sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.messaging.jobs import lease_released
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.deliveries import forwarding


class EndpointTarget:
    """The endpoint of an integration, as the receiver of a replay: each event gets a delivery, or its one is due again.

    Args:
        integration_id: The integration, which may have been deleted.
    """

    batch = 50

    def __init__(self, integration_id: UUID) -> None:
        self.integration_id = integration_id
        self.integration = db.session.get(Integration, integration_id, populate_existing=True)

    @property
    def patterns(self) -> Sequence[str]:
        patterns = self.integration.config.get("eventTypes") if self.integration else None
        return [str(pattern) for pattern in patterns] if isinstance(patterns, list) else []

    def rejection(self) -> str | None:
        if self.integration is None:
            return "the integration does not exist"
        if not self.integration.is_forwarding:
            return "the integration is switched off, or has no `webhookUrl` or no `eventTypes`"
        return None

    def may_continue(self, handed_over_at: datetime | None) -> bool:
        """Whether an attempt has succeeded since: an endpoint that is down does not get more and more."""
        failing_since = self.integration.failing_since if self.integration else None
        return failing_since is None or handed_over_at is None or failing_since > handed_over_at

    def hand_over(self, events: Sequence[OutboxEvent]) -> list[UUID]:
        """Make deliveries due, except those that are pending anyway and those that the owner may not receive."""
        assert self.integration is not None
        rows = [self._row(event) for event in events if forwarding.may_receive(self.integration, event.user_id)]
        if not rows:
            return []
        db.session.execute(
            select(Integration.id).where(self._is_integration()).with_for_update(read=True, key_share=True)
        )
        statement = insert(Delivery).values(sorted(rows, key=lambda row: row["event_id"].bytes))
        again = {"status": DeliveryStatus.PENDING, "response_status": None, "last_error": None}
        due = {"next_attempt_at": func.now(), "hinted_until": func.now(), "updated_at": func.now()}
        statement = statement.on_conflict_do_update(
            index_elements=["integration_id", "event_id"],
            set_=again | due,
            where=(Delivery.status != DeliveryStatus.PENDING) & lease_released(Delivery),
        )
        return list(db.session.scalars(statement.returning(Delivery.event_id)))

    def results(self, event_ids: Collection[UUID]) -> Mapping[UUID, bool | None]:
        """A delivery whose first attempt has failed counts as failed. It is repeated as any other."""
        columns = (Delivery.event_id, Delivery.status, Delivery.response_status, Delivery.last_error)
        rows = db.session.execute(select(*columns).where(*self._of(event_ids)))
        return {row.event_id: _result(row) for row in rows}

    def withdraw(self, event_ids: Collection[UUID]) -> list[UUID]:
        """A delivery that had been delivered before counts as delivered again."""
        was_delivered = Delivery.delivered_at.is_not(None)
        statement = (
            update(Delivery)
            .where(*self._of(event_ids), Delivery.status == DeliveryStatus.PENDING, lease_released(Delivery))
            .values(
                status=case((was_delivered, DeliveryStatus.DELIVERED.value), else_=DeliveryStatus.FAILED.value),
                last_error=case((was_delivered, None), else_="the replay was cancelled"),
            )
            .returning(Delivery.event_id)
            .execution_options(synchronize_session=False)
        )
        return list(db.session.scalars(statement))

    def _row(self, event: OutboxEvent) -> dict[str, Any]:
        return {
            "id": uuid7(),
            "integration_id": self.integration_id,
            "event_id": event.id,
            "event_type": event.type,
            "body": forwarding.build_body(event),
            "hinted_until": utcnow(),
        }

    def _is_integration(self) -> Any:
        return Integration.id == self.integration_id

    def _of(self, event_ids: Collection[UUID]) -> tuple[Any, Any]:
        return Delivery.integration_id == self.integration_id, Delivery.event_id.in_(list(event_ids))


def _result(row: Any) -> bool | None:
    if row.status == DeliveryStatus.PENDING and row.response_status is None and row.last_error is None:
        return None
    return bool(row.status == DeliveryStatus.DELIVERED)
