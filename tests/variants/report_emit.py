"""A schedule action that the platform does not have: everything about it is declared in this file."""

from marshmallow import fields, validate

from heidi_common.messaging.events import CustomEvent
from heidi_common.schemas.base import Schema
from heidi_services.scheduler.actions.base import JSON, ActionResult, RunContext


class ReportPayload(Schema):
    pages = fields.Integer(required=True, strict=True, validate=validate.Range(1, 50))


class ReportEmitAction:
    name = "report.emit"
    about = "Order a report"
    payload = ReportPayload
    emits_only = True

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        event = CustomEvent(id=context.execution_id, name="custom.report.ordered", payload=payload)
        return ActionResult({"pages": payload["pages"]}, ((event, None),))


ACTION = ReportEmitAction()
