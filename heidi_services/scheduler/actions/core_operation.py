"""core.operation: ask for an operation over several services. Its input travels sealed."""

from marshmallow import fields, validate

from heidi_common.events import CoreOperation
from heidi_common.schemas import FreeJson, Schema
from heidi_services.scheduler.actions.base import JSON, Order, Outcome

TYPES = ("onboard-user", "offboard-user", "broadcast")


class Payload(Schema):
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    input = FreeJson(load_default=dict)


class OperationAction:
    about = "Start an operation over several services"
    payload = Payload

    def perform(self, order: Order, payload: JSON) -> Outcome:
        fact = CoreOperation(id=order.run_id, operation=payload["type"])
        return Outcome({"operationId": str(order.run_id)}, ((fact, {"input": payload["input"]}),))
