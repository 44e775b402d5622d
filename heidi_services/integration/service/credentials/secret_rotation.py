"""Rotate the signing secret of an integration, and re-encrypt all secrets after a change of ENCRYPTION_KEYS."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from heidi_common.audit import trail
from heidi_common.database.models import utcnow
from heidi_common.database.reencryption import reencrypt_rows
from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Conflict
from heidi_common.schemas.fields import iso
from heidi_services.integration import webhook_signing
from heidi_services.integration.models import Integration
from heidi_services.integration.service.credentials import credential_store
from heidi_services.integration.service.queries import get_visible

PREVIOUS_SECRET_VALIDITY = timedelta(hours=24)
MAX_EARLIER_SECRETS = 20
"""A delivery carries a signature of each. With 20 the header has about 1 KB."""


def rotate_secret(integration_id: UUID, caller: Caller, now: datetime | None = None) -> str:
    """Replace the signing secret.

    For 24 hours deliveries also carry the signature of the replaced secret, so that the receiver can switch to the
    new one. This holds for each secret, however often it is rotated meanwhile.

    Returns:
        The new secret.

    Raises:
        NotFound: The integration does not exist, or the caller may not see it.
        Conflict: 20 replaced secrets are still valid.
    """
    with transaction():
        return replace_secret(get_visible(integration_id, caller, lock=True), actor=caller.id, now=now or utcnow())


def replace_secret(integration: Integration, *, actor: UUID | None, now: datetime) -> str:
    """Rotate the secret of a locked row, in the caller's transaction; `actor` is None for an operator's command."""
    earlier = credential_store.earlier_secrets(integration, now)
    if len(earlier) >= MAX_EARLIER_SECRETS:
        end = iso(min(entry.valid_until for entry in earlier))
        detail = (
            f"All {MAX_EARLIER_SECRETS} replaced secrets that are allowed are still valid. Rotate again after {end}."
        )
        raise Conflict(detail, code="too_many_rotations")
    secret = webhook_signing.generate_secret()
    credential_store.replace_signing_secret(integration, secret, now=now, validity=PREVIOUS_SECRET_VALIDITY)
    trail.record("integration_secret_rotated", actor=actor, target=integration.id)
    return secret


def reencrypt_all() -> tuple[int, list[UUID]]:
    """Encrypt the secrets of all integrations with the first of ENCRYPTION_KEYS.

    Returns:
        The number of changed rows, and the IDs of the rows that none of the keys decrypts.
    """
    return reencrypt_rows(Integration.id, credential_store.reencrypt)
