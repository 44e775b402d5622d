"""notification.send: ask the notification service for a message. Texts travel sealed."""

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.messaging.events import NotificationSend
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text
from heidi_services.scheduler.actions.base import JSON, Order, Outcome

CHANNELS = ("EMAIL", "SMS", "PUSH", "IN_APP")
TYPES = ("INFO", "WARNING", "ERROR", "SUCCESS", "ALERT")
# As the notification service has it: what it could not mute or list must not come by a schedule.
CATEGORY = validate.Regexp(r"[a-z][a-z0-9_-]{0,49}\Z", error="Lower-case letters, digits, - and _; at most 50.")
SEALED = ("subject", "content", "variables")


class Payload(Schema):
    user_id = fields.UUID(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    type = fields.String(load_default="INFO", validate=validate.OneOf(TYPES))
    category = Text(max=50, validate=CATEGORY)
    subject = Text(max=200)
    content = Text(max=20_000)
    template = Text(max=100)
    locale = Text(max=35)
    variables = FreeJson()

    @validates_schema
    def _says_something(self, data: JSON, **_: object) -> None:
        if ("content" in data) == ("template" in data):
            raise ValidationError("Give either content or a template.", "content")


class NotificationAction:
    about = "Send a notification to a user, from a text or a template"
    payload = Payload

    def perform(self, order: Order, payload: JSON) -> Outcome:
        fact = NotificationSend(
            id=order.run_id,
            about_user=payload["user_id"],
            channel=payload["channel"],
            notification_type=payload["type"],
            category=payload.get("category"),
            template=payload.get("template"),
            locale=payload.get("locale"),
        )
        sealed = {name: payload[name] for name in SEALED if name in payload}
        return Outcome({"notificationRequest": str(order.run_id)}, ((fact, sealed),))
