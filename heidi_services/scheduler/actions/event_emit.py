"""The action event.emit: emit a custom event. Only `custom.*` is allowed, so that no schedule forges `user.deleted`."""

from marshmallow import fields, validate

from heidi_common.messaging.events import CustomEvent
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson
from heidi_services.scheduler.actions.base import JSON, ActionResult, RunContext

CUSTOM_TYPE = validate.Regexp(
    r"^custom(\.[a-z0-9][a-z0-9_-]{0,39}){1,4}\Z",
    error="Must be `custom.` followed by a name in lower case, such as custom.report.due.",
)


class EventEmitPayload(Schema):
    type = fields.String(required=True, validate=CUSTOM_TYPE)
    data = FreeJson(load_default=dict)


class EventEmitAction:
    name = "event.emit"
    about = "Emit an event of a type custom.*"
    payload = EventEmitPayload
    emits_only = True

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        event = CustomEvent(id=context.execution_id, name=payload["type"], payload=payload["data"])
        return ActionResult({"type": payload["type"]}, ((event, None),))
