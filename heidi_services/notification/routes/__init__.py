"""The HTTP endpoints, one module per resource."""

from heidi_services.notification.routes import (
    attention,
    devices,
    mail_sink,
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
        *(unsubscribe, devices, suppressions, receipts, attention, mail_sink),
        personal_data,
    )
)
