"""Rotate the signing secret of an integration, and re-encrypt all secrets after a change of ENCRYPTION_KEYS."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit import trail
from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_services.integration import webhook_signing
from heidi_services.integration.models import Integration
from heidi_services.integration.service import credential_store
from heidi_services.integration.service.queries import get_visible

PREVIOUS_SECRET_VALIDITY = timedelta(hours=24)


def rotate_secret(integration_id: UUID, caller: Caller, now: datetime | None = None) -> str:
    """Replace the signing secret.

    For 24 hours deliveries carry the signatures of both secrets, so that the receiver can switch to the new one.

    Returns:
        The new secret.
    """
    secret = webhook_signing.generate_secret()
    with transaction():
        integration = get_visible(integration_id, caller, lock=True)
        integration.previous_signing_secret = integration.signing_secret
        integration.previous_valid_until = (now or utcnow()) + PREVIOUS_SECRET_VALIDITY
        integration.signing_secret = credential_store.encrypt_signing_secret(integration.id, secret)
        trail.record("integration_secret_rotated", actor=caller.id, target=integration.id)
    return secret


def reencrypt_all(batch_size: int = 200) -> tuple[int, list[UUID]]:
    """Encrypt the secrets of all integrations with the first of ENCRYPTION_KEYS, one transaction per batch.

    Returns:
        The number of changed rows, and the IDs of the rows that none of the keys decrypts.
    """
    changed, undecryptable, last_id = 0, list[UUID](), None
    while True:
        with transaction():
            batch = _next_batch(last_id, batch_size)
            for integration in batch:
                try:
                    changed += credential_store.reencrypt(integration)
                except DecryptionError:
                    undecryptable.append(integration.id)
            last_id = batch[-1].id if batch else None
        if last_id is None:
            return changed, undecryptable


def _next_batch(last_id: UUID | None, batch_size: int) -> list[Integration]:
    statement = select(Integration).order_by(Integration.id).limit(batch_size).with_for_update()
    return list(db.session.scalars(statement if last_id is None else statement.where(Integration.id > last_id)))
