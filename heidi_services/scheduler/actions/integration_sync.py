"""integration.sync: ask for a synchronisation with a provider."""

from marshmallow import fields

from heidi_common.messaging.events import IntegrationSync
from heidi_common.schemas.base import Schema
from heidi_services.scheduler.actions.base import JSON, Order, Outcome


class Payload(Schema):
    integration_id = fields.UUID(required=True)


class SyncAction:
    about = "Synchronise an integration"
    payload = Payload

    def perform(self, order: Order, payload: JSON) -> Outcome:
        found = payload["integration_id"]
        return Outcome({"integrationId": str(found)}, ((IntegrationSync(id=found), None),))
