"""Erase what integration stores about a user who was erased (`users/service/erasure.py`)."""

from __future__ import annotations

from sqlalchemy import delete

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Integration


def erase_user_data(event: OutboxEvent) -> None:
    """Delete the integrations of an erased user with their credentials, logs, events and deliveries."""
    statement = delete(Integration).where(Integration.user_id == event.user_id)
    with transaction():
        db.session.execute(statement.execution_options(synchronize_session=False))
