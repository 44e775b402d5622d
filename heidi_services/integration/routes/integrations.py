"""Integrations, their connection checks, synchronizations, signing secrets and logs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent, idempotent_outside
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guarded_user
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.integration.models import Integration
from heidi_services.integration.providers.configuration import describe_provider
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.schemas import integrations as schemas
from heidi_services.integration.service import integration_log, integrations, queries, sync
from heidi_services.integration.service.connection_check import ConnectionCheckResult, check_connection
from heidi_services.integration.service.credentials import secret_rotation

INTEGRATION = "/api/v1/integrations/<uuid:integration_id>"

blp = Blueprint(
    "integrations", __name__, description="Connections to providers, with their logs, events and deliveries"
)
readable = guarded_user(scopes=(Scope.INTEGRATIONS_READ,))


@blp.route("/api/v1/integrations", methods=["POST"])
@authenticated
@blp.arguments(schemas.IntegrationIn)
@blp.response(201, schemas.IntegrationCreatedOut)
def create_integration(body: dict[str, Any]) -> dict[str, Any]:
    """Create an integration. Only this response contains its secrets, so `Idempotency-Key` is not supported."""
    created = integrations.create(caller(), body)
    names = (field.attribute or name for name, field in schemas.IntegrationOut().fields.items())
    fields = {name: getattr(created.integration, name) for name in names}
    return fields | {"signing_secret": created.signing_secret, "secret": created.secret}


@blp.route("/api/v1/integrations", methods=["GET"])
@readable
@blp.arguments(schemas.IntegrationQuery, location="query")
@blp.response(200, schemas.IntegrationOut(many=True))
def list_integrations(query: dict[str, Any]) -> Page:
    """List your integrations. An ADMIN gets those of all users; `userId` selects one user."""
    return queries.list_integrations(caller(), query)


@blp.route("/api/v1/integrations/providers", methods=["GET"])
@readable
@blp.response(200, schemas.ProviderOut(many=True))
def list_providers() -> list[dict[str, Any]]:
    """List the providers with the names of their credentials and the JSON schema of their `config`."""
    return [describe_provider(provider) for provider in PROVIDERS.values()]


@blp.route(INTEGRATION, methods=["GET"])
@readable
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.IntegrationOut)
def get_integration(integration_id: UUID) -> Integration:
    """Get an integration, without its credentials."""
    integration = queries.get_visible(integration_id, caller())
    etag(integration)
    return integration


@blp.route(INTEGRATION, methods=["PATCH"])
@guarded_user(scopes=(Scope.INTEGRATIONS_WRITE,))
@documents(IF_MATCH)
@blp.arguments(schemas.IntegrationPatch)
@blp.response(200, schemas.IntegrationOut)
def change_integration(body: dict[str, Any], integration_id: UUID) -> Integration:
    """Change an integration. Credentials are merged by name (null removes one); `config` is replaced.

    403 if a machine client changes an integration of an administrator.
    """
    integration = integrations.update(integration_id, caller(), body, if_match())
    etag(integration)
    return integration


@blp.route(INTEGRATION, methods=["DELETE"])
@authenticated
@documents(IF_MATCH)
@blp.response(204)
def delete_integration(integration_id: UUID) -> None:
    """Delete an integration with its logs, events and deliveries. Its webhook receiver then responds with 404."""
    integrations.delete(integration_id, caller(), if_match())


@blp.route(f"{INTEGRATION}/test", methods=["POST"])
@authenticated
@idempotent_outside
@blp.response(200, schemas.ConnectionCheckOut)
def test_integration(integration_id: UUID) -> ConnectionCheckResult:
    """Test an integration: call the provider's API, or send a signed webhook to the `webhookUrl`."""
    return check_connection(queries.get_visible(integration_id, caller()), "test")


@blp.route(f"{INTEGRATION}/sync", methods=["POST"])
@authenticated
@idempotent
@blp.response(202, schemas.IntegrationOut)
def sync_integration(integration_id: UUID) -> Integration:
    """Request a synchronization with the provider. It runs in the background."""
    integration = queries.get_visible(integration_id, caller())
    sync.request_sync(integration)
    return integration


@blp.route(f"{INTEGRATION}/rotate-secret", methods=["POST"])
@authenticated
@blp.response(200, schemas.SecretOut)
def rotate_secret(integration_id: UUID) -> dict[str, str]:
    """Rotate the signing secret. For 24 hours deliveries also carry the signature of each replaced secret."""
    return {"signing_secret": secret_rotation.rotate_secret(integration_id, caller())}


@blp.route(f"{INTEGRATION}/logs", methods=["GET"])
@readable
@blp.arguments(schemas.LogQuery, location="query")
@blp.response(200, schemas.LogOut(many=True))
def list_logs(query: dict[str, Any], integration_id: UUID) -> Page:
    """List the incoming and outgoing requests of an integration, redacted, newest first."""
    integration = queries.get_visible(integration_id, caller())
    return integration_log.list_log_entries(integration.id, query)
