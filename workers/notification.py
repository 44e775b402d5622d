"""The actors of notification: deliver due notifications, and handle events of other services."""

from uuid import UUID

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.service import batch_delivery, event_handlers
from workers.actors import actor, consumer


@actor("notification")
def deliver_notification(*notification_ids: str) -> None:
    batch_delivery.deliver_many([UUID(notification_id) for notification_id in notification_ids])


@consumer("notification")
def make_requested_notification(event: OutboxEvent) -> None:
    event_handlers.handle_notification_send(event)


@consumer("notification")
def welcome_user(event: OutboxEvent) -> None:
    event_handlers.handle_user_created(event)


@consumer("notification")
def remove_attached_devices(event: OutboxEvent) -> None:
    event_handlers.handle_user_reclaimed(event)


@consumer("notification")
def forget_user(event: OutboxEvent) -> None:
    event_handlers.handle_user_deleted(event)
