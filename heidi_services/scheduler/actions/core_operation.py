"""core.operation: ask for an operation over several services. Its input travels sealed."""

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.messaging.events import CoreOperation
from heidi_common.operation_inputs import INPUTS
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson
from heidi_services.scheduler.actions.base import JSON, Order, Outcome


class Payload(Schema):
    type = fields.String(required=True, validate=validate.OneOf(list(INPUTS)))
    input = FreeJson(load_default=dict, max_bytes=65_536)

    @validates_schema
    def _input_of_that_type(self, data: JSON, **_: object) -> None:
        if flaws := INPUTS[data["type"]]().validate(data["input"]):
            raise ValidationError(flaws, "input")


class OperationAction:
    about = "Start an operation over several services"
    payload = Payload

    def perform(self, order: Order, payload: JSON) -> Outcome:
        fact = CoreOperation(id=order.run_id, operation=payload["type"])
        return Outcome({"operationId": str(order.run_id)}, ((fact, {"input": payload["input"]}),))
