"""The actors of notification: deliver due notifications, and handle events of other services."""

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.service import delivery, event_handlers
from workers.actors import actor, consumer
from workers.batching import process_each


@actor("notification")
def deliver_notification(*notification_ids: str) -> None:
    process_each(notification_ids, delivery.deliver)


@consumer("notification")
def make_requested_notification(event: OutboxEvent) -> None:
    event_handlers.handle_notification_send(event)


@consumer("notification")
def welcome_user(event: OutboxEvent) -> None:
    event_handlers.handle_user_created(event)


@consumer("notification")
def forget_user(event: OutboxEvent) -> None:
    event_handlers.handle_user_deleted(event)
