"""The actors of notification: deliver due notifications, and handle events of other services."""

from collections.abc import Iterable
from uuid import UUID

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.service import erasure, event_handlers
from heidi_services.notification.service.delivery import batch_delivery, delivery
from heidi_services.notification.service.delivery.claim import AttemptedNotification
from workers.actors import actor, consumer, wake_singly
from workers.consumption import BULK_QUEUE


@actor("notification")
def deliver_notification(*notification_ids: str) -> None:
    if len(notification_ids) == 1:
        delivery.deliver(UUID(notification_ids[0]))
    else:
        batch_delivery.deliver_many([UUID(notification_id) for notification_id in notification_ids], _wake_singly)


def _wake_singly(notifications: Iterable[AttemptedNotification]) -> None:
    for notification in notifications:
        queue = BULK_QUEUE if notification.is_bulk else "notification"
        wake_singly(queue, "deliver_notification", [notification.id])


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
    erasure.erase_user_data(event)
