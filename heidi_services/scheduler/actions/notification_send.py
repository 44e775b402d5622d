"""The action notification.send: request a notification. Its texts are encrypted in transit."""

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.channels.registry import CHANNELS
from heidi_common.messaging.events import NotificationSend
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, Text
from heidi_services.scheduler.actions.base import JSON, ActionResult, RunContext

TYPES = ("INFO", "WARNING", "ERROR", "SUCCESS", "ALERT")
# The notification service has the same rule: it cannot mute or list a category of another form.
CATEGORY = validate.Regexp(
    r"[a-z][a-z0-9_-]{0,49}\Z",
    error="Must start with a lower-case letter and contain only lower-case letters, digits, - and _ (at most 50).",
)
ENCRYPTED_FIELDS = ("subject", "content", "variables")


class NotificationSendPayload(Schema):
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
    def _has_text(self, data: JSON, **_: object) -> None:
        if ("content" in data) == ("template" in data):
            raise ValidationError("Specify either `content` or `template`, not both.", "content")


class NotificationSendAction:
    name = "notification.send"
    about = "Send a notification to a user, from a text or a template"
    payload = NotificationSendPayload
    emits_only = True

    def perform(self, context: RunContext, payload: JSON) -> ActionResult:
        event = NotificationSend(
            id=context.execution_id,
            about_user=payload["user_id"],
            channel=payload["channel"],
            notification_type=payload["type"],
            category=payload.get("category"),
            template=payload.get("template"),
            locale=payload.get("locale"),
        )
        encrypted = {name: payload[name] for name in ENCRYPTED_FIELDS if name in payload}
        return ActionResult({"notificationRequest": str(context.execution_id)}, ((event, encrypted),))
