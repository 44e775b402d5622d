"""onboard-user: create an account, invite its owner by e-mail to choose a password, and greet them in the app."""

from __future__ import annotations

import base64
import hashlib
import hmac

from marshmallow import fields, validate

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope
from heidi_common.operations.base import JSON, OperationType, Step, StepContext
from heidi_common.runtime import current_settings
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import PersonName, Text
from heidi_common.schemas.validators import Length

_PROFILE_FIELDS = ("email", "firstName", "lastName", "role")
ROLES = tuple(role.value for role in Role if role is not Role.ADMIN)
"""The roles of accounts that the operation may create: `users:write` does not cover administrators."""


class OnboardUser(Schema):
    """Create an account, send an invitation by e-mail and put a greeting into the inbox."""

    email = fields.Email(required=True, validate=Length(max=254))
    first_name = PersonName()
    last_name = PersonName()
    role = fields.String(validate=validate.OneOf(ROLES))
    greeting = Text(max=2000, load_default="Welcome! Your account is ready.")


def redact(payload: JSON) -> JSON:
    """Leave out name and e-mail address: the user's row has them, and erasing a user must not involve this table."""
    return {"role": payload.get("role", Role.USER.value)}


def create_user(context: StepContext) -> JSON:
    profile = {name: context.input[name] for name in _PROFILE_FIELDS if name in context.input}
    user = context.send("users", "POST", "/api/v1/users", profile | {"password": _initial_password(context)})
    return {"userId": user["id"]}


def delete_user(context: StepContext, result: JSON) -> None:
    context.send("users", "DELETE", f"/api/v1/users/{result['userId']}", missing_ok=True)


def invite(context: StepContext) -> JSON:
    user_id = context.results["create-user"]["userId"]
    context.send("auth", "POST", "/api/v1/auth/password/invite", {"userId": user_id})
    return {}


def greet(context: StepContext) -> JSON:
    user_id = context.results["create-user"]["userId"]
    message = {"userId": user_id, "channel": "IN_APP", "type": "SUCCESS", "content": context.input["greeting"]}
    return {"notificationId": context.send("notification", "POST", "/api/v1/notifications", message)["id"]}


def _initial_password(context: StepContext) -> str:
    """Derive a password that is never disclosed; the owner replaces it through the invitation.

    It is the same at each attempt, so that the repeated request equals the first one.
    """
    key = current_settings().secret_key.encode()
    digest = hmac.digest(key, b"onboard" + context.operation_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()


OPERATION = OperationType(
    name="onboard-user",
    input=OnboardUser,
    redact=redact,
    scopes=frozenset({Scope.USERS_WRITE, Scope.NOTIFICATIONS_WRITE}),
    steps=(
        Step("create-user", create_user, delete_user),
        Step("invite", invite),
        Step("greet", greet),
    ),
)
