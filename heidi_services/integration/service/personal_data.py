"""Personal data for the export of a user's data, beside what the lists of integrations contain."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, select

from heidi_common.identity.personal_data import PersonalRows
from heidi_services.integration.models import Delivery, DeliveryAttempt, Integration, Sync


def _own_attempts(user_id: UUID) -> ColumnElement[bool]:
    own = select(Delivery.id).join(Integration, Integration.id == Delivery.integration_id)
    return DeliveryAttempt.delivery_id.in_(own.where(Integration.user_id == user_id))


def _own_syncs(user_id: UUID) -> ColumnElement[bool]:
    return Sync.integration_id.in_(select(Integration.id).where(Integration.user_id == user_id))


_ATTEMPT = ("delivery_id", "number", "outcome", "status_code", "response", "error", "created_at")

PARTS = {
    "deliveryAttempts": PersonalRows(DeliveryAttempt, _ATTEMPT, _own_attempts),
    "syncs": PersonalRows(Sync, ("integration_id", "status", "last_error", "created_at", "finished_at"), _own_syncs),
}
