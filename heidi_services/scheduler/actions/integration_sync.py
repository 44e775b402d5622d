"""The action integration.sync: request a synchronization with a provider."""

from marshmallow import fields

from heidi_common.messaging.events import IntegrationSync
from heidi_common.schemas.base import Schema
from heidi_services.scheduler.actions.base import JSON, ActionResult, RunContext


class IntegrationSyncPayload(Schema):
    integration_id = fields.UUID(required=True)


class IntegrationSyncAction:
    name = "integration.sync"
    about = "Synchronize an integration"
    payload = IntegrationSyncPayload
    emits_only = True

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        integration_id = payload["integration_id"]
        return ActionResult({"integrationId": str(integration_id)}, ((IntegrationSync(id=integration_id), None),))
