"""The HTTP doors, by what they are about."""

from heidi_services.notification.routes import (
    devices,
    messages,
    operations,
    preferences,
    receipts,
    stream,
    suppressions,
    templates,
    unsubscribe,
)

blueprints = tuple(
    room.blp
    for room in (messages, operations, stream, templates, preferences, unsubscribe, devices, suppressions, receipts)
)
