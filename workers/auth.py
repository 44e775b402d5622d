"""The actors of auth."""

from uuid import UUID

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth.service import email_change, erasure
from workers.actors import consumer


@consumer("core")
def forget_sign_in(event: OutboxEvent) -> None:
    """Erase the sign-in data of a deleted user."""
    erasure.erase_user_data(event)


@consumer("core")
def verify_replaced_address(event: OutboxEvent) -> None:
    """Send the link to verify an address that an administrator has entered."""
    email_change.verify_replaced_address(UUID(event.subject))
