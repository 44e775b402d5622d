"""The operations that the core service runs, each with the schema of its input.

A service that requests an operation by an event can validate the input before it emits the event.
"""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields, validate

from heidi_common.identity.models import Role
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, PersonName, Text


class OnboardUser(Schema):
    """Create an account, send an invitation by e-mail and put a greeting into the inbox."""

    email = fields.Email(required=True, validate=validate.Length(max=254))
    first_name = PersonName()
    last_name = PersonName()
    role = fields.String(validate=validate.OneOf([role.value for role in Role]))
    greeting = Text(max=2000, load_default="Welcome! Your account is ready.")


class OffboardUser(Schema):
    """Deactivate an account and its integrations, then delete the account (it can be restored)."""

    user_id = fields.UUID(required=True)


class Broadcast(Schema):
    """Send one notification to many users.

    `message` is a body of POST /notifications without `userId`. The notification service validates it.
    """

    message = FreeJson(required=True, max_bytes=65_536)
    user_ids = fields.List(fields.UUID())
    filter = FreeJson()


INPUTS: Mapping[str, type[Schema]] = {
    "onboard-user": OnboardUser,
    "offboard-user": OffboardUser,
    "broadcast": Broadcast,
}
"""Name of an operation -> the schema of its input."""
