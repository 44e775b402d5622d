"""The HTTP endpoints: integrations for their owners, and webhook receivers for the providers."""

from heidi_services.integration.routes import (
    deliveries,  # noqa: F401  (adds its views to integrations.blp)
    integrations,
    webhooks,
)

blueprints = (integrations.blp, webhooks.receiver)
