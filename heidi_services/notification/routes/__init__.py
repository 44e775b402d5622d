"""The HTTP doors, by what they are about."""

from heidi_services.notification.routes import (
    devices,
    notifications,
    preferences,
    receipts,
    sending,
    stream,
    suppressions,
    templates,
    unsubscribe,
)

blueprints = tuple(
    room.blp
    for room in (notifications, sending, stream, templates, preferences, unsubscribe, devices, suppressions, receipts)
)
