"""Notifications: deliver what is due, and turn other services' facts into messages."""

from uuid import UUID

from heidi_common.messaging.outbox import Event
from heidi_services.notification.service import deliver, requests
from workers.actors import actor, consumer


@actor("notification")
def deliver_notification(notification_id: str) -> None:
    deliver.deliver(UUID(notification_id))


@consumer("notification")
def make_requested_notification(event: Event) -> None:
    requests.make_requested(event)


@consumer("notification")
def welcome_user(event: Event) -> None:
    requests.welcome(event)


@consumer("notification")
def forget_user(event: Event) -> None:
    requests.forget(event)
