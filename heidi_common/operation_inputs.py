"""The operations that the core service runs, each with the schema of its input.

A service that requests an operation by an event can validate the input before it emits the event.
"""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields, validate

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import FreeJson, PersonName, Text
from heidi_common.schemas.validators import Length

ROLES = tuple(role.value for role in Role if role is not Role.ADMIN)
"""The roles of accounts that an operation may create: `users:write` does not cover administrators."""


class OnboardUser(Schema):
    """Create an account, send an invitation by e-mail and put a greeting into the inbox."""

    email = fields.Email(required=True, validate=Length(max=254))
    first_name = PersonName()
    last_name = PersonName()
    role = fields.String(validate=validate.OneOf(ROLES))
    greeting = Text(max=2000, load_default="Welcome! Your account is ready.")


class OffboardUser(Schema):
    """Deactivate an account and its integrations, then delete the account (it can be restored)."""

    user_id = fields.UUID(required=True)


class Broadcast(Schema):
    """Send one notification to many users.

    `message` is a body of POST /notifications without `userId`. The notification service validates it.
    """

    message = FreeJson(
        required=True,
        max_bytes=65_536,
        metadata={"description": 'The message, such as {"channel": "IN_APP", "content": "Maintenance tonight"}'},
    )
    user_ids = fields.List(fields.UUID(), metadata={"description": "The recipients, unless a filter selects them"})
    filter = FreeJson(metadata={"description": 'Selects the recipients, such as {"role": "USER", "isActive": true}'})


INPUTS: Mapping[str, type[Schema]] = {
    "onboard-user": OnboardUser,
    "offboard-user": OffboardUser,
    "broadcast": Broadcast,
}
"""Name of an operation -> the schema of its input."""

REQUIRED_SCOPES: Mapping[str, frozenset[Scope]] = {
    "onboard-user": frozenset({Scope.USERS_WRITE, Scope.NOTIFICATIONS_WRITE}),
    "offboard-user": frozenset(
        {Scope.USERS_READ, Scope.USERS_WRITE, Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_WRITE}
    ),
    "broadcast": frozenset({Scope.NOTIFICATIONS_WRITE}),
}
"""Name of an operation -> the scopes that its steps need. A machine client whose schedule requests it needs them too.
"""

CORE_SCOPES = sorted(frozenset[Scope]().union(*REQUIRED_SCOPES.values()))
"""The scopes of core's own machine client, as which it runs operations."""
