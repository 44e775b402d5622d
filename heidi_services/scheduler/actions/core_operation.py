"""The action core.operation: request an operation across several services, on behalf of the schedule's creator.

The input is encrypted in transit.
"""

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.messaging.events import CoreOperation
from heidi_common.operations.registry import OPERATIONS
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson
from heidi_services.scheduler.actions.base import JSON, ActionResult, RunContext


class CoreOperationPayload(Schema):
    type = fields.String(required=True, validate=validate.OneOf(OPERATIONS))
    input = FreeJson(load_default=dict, max_bytes=65_536)

    @validates_schema
    def _input_fits_type(self, data: JSON, **_: object) -> None:
        if errors := OPERATIONS[data["type"]].input().validate(data["input"]):
            raise ValidationError(errors, "input")


class CoreOperationAction:
    name = "core.operation"
    about = "Start an operation across several services"
    payload = CoreOperationPayload
    emits_only = True

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        event = CoreOperation(id=context.execution_id, operation=payload["type"], requested_by=context.created_by)
        return ActionResult({"operationId": str(context.execution_id)}, ((event, {"input": payload["input"]}),))
