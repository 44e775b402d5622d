"""Auth: what a person's end means for their sign-in."""

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth.service import erasure
from workers.actors import consumer


@consumer("core")
def forget_sign_in(event: OutboxEvent) -> None:
    erasure.delete_user_data(event)
