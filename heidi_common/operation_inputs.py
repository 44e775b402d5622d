"""The operations that core carries out, and what each is given: whoever asks for one on the bus can check it."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields, validate

from heidi_common.identity.models import Role
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, PersonName, Text


class OnboardUser(Schema):
    email = fields.Email(required=True, validate=validate.Length(max=254))
    first_name = PersonName()
    last_name = PersonName()
    role = fields.String(validate=validate.OneOf([role.value for role in Role]))
    greeting = Text(max=2000, load_default="Welcome! Your account is ready.")


class OffboardUser(Schema):
    user_id = fields.UUID(required=True)


class Broadcast(Schema):
    """`message` is what POST /notifications takes (without userId); the notification service checks it."""

    message = FreeJson(required=True, max_bytes=65_536)
    user_ids = fields.List(fields.UUID())
    filter = FreeJson()


INPUTS: Mapping[str, type[Schema]] = {
    "onboard-user": OnboardUser,
    "offboard-user": OffboardUser,
    "broadcast": Broadcast,
}
