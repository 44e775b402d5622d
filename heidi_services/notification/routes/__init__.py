"""The HTTP endpoints, one module per resource."""

from heidi_services.notification.routes import (
    attention,
    devices,
    notifications,
    personal_data,
    preferences,
    receipts,
    sending,
    stream,
    suppressions,
    templates,
    unsubscribe,
)

blueprints = tuple(
    module.blp
    for module in (
        *(notifications, sending, stream, templates, preferences),
        *(unsubscribe, devices, suppressions, receipts, attention, personal_data),
    )
)
