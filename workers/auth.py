"""The actors of auth."""

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth.service import erasure
from workers.actors import consumer


@consumer("core")
def forget_sign_in(event: OutboxEvent) -> None:
    """Erase the sign-in data of a deleted user."""
    erasure.erase_user_data(event)
