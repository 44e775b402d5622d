"""The stored responses of requests with an `Idempotency-Key`, and their deletion."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Uuid, func, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base
from heidi_common.database.retention import delete_in_batches
from heidi_common.database.session import db

BLANK = '{"data":null,"meta":{}}'
"""The body that replaces those of an erased user."""
RETENTION = timedelta(hours=24)


class IdempotencyKey(Base):
    """A stored response. The caller, the route and the key identify it."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires_at", "expires_at"),)

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str]
    expires_at: Mapped[datetime]


_MENTIONED_IDS = func.uuids_in(IdempotencyKey.body, type_=ARRAY(Uuid))
"""All UUIDs in a stored body. The index hx_idempotency_keys_mentions has the same expression."""


def delete_expired() -> bool:
    """Delete a part of the stored responses that are older than RETENTION; returns whether some are left."""
    return delete_in_batches(IdempotencyKey, IdempotencyKey.expires_at, func.now())


def delete_for_user(user_id: UUID) -> None:
    """Blank the responses that a user received or that mention the user, in the transaction of the caller.

    The keys stay: a repeated request still has no second effect.
    """
    concerns_user = (IdempotencyKey.caller_id == user_id) | _MENTIONED_IDS.contains([user_id])
    db.session.execute(update(IdempotencyKey).where(concerns_user).values(body=BLANK))
