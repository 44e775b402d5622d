"""event.emit: say a fact of one's own. Only `custom.*`: nobody forges a `user.deleted`."""

from marshmallow import fields, validate

from heidi_common.messaging.events import CustomEvent
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson
from heidi_services.scheduler.actions.base import JSON, Order, Outcome

CUSTOM = r"^custom(\.[a-z0-9][a-z0-9_-]{0,39}){1,4}\Z"


class Payload(Schema):
    type = fields.String(
        required=True,
        validate=validate.Regexp(CUSTOM, error="Write custom. and a name in lower case, such as custom.report.due."),
    )
    data = FreeJson(load_default=dict)


class EventAction:
    about = "Emit a fact of the type custom.*"
    payload = Payload

    def perform(self, order: Order, payload: JSON) -> Outcome:
        fact = CustomEvent(id=order.run_id, name=payload["type"], payload=payload["data"])
        return Outcome({"type": payload["type"]}, ((fact, None),))
