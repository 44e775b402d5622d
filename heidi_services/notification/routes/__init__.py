"""The HTTP doors, by what they are about."""

from heidi_services.notification.routes import (
    devices,
    messages,
    operations,
    preferences,
    stream,
    suppressions,
    templates,
)

blueprints = (
    messages.blp,
    operations.blp,
    stream.blp,
    templates.blp,
    preferences.blp,
    devices.blp,
    suppressions.blp,
)
