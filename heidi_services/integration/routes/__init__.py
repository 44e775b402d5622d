"""The HTTP endpoints: integrations for their owners, and webhook receivers for the providers."""

from heidi_services.integration.routes import (
    deliveries,  # noqa: F401  (adds its views to integrations.blp)
    integrations,
    personal_data,
    platform_lists,  # noqa: F401  (as deliveries)
    webhooks,
)

blueprints = (integrations.blp, personal_data.blp, webhooks.receiver)
