"""onboard-user: create an account, invite its owner by e-mail to choose a password, and greet them in the app."""

from __future__ import annotations

import base64
import hashlib
import hmac

from heidi_common.identity.models import Role
from heidi_common.operation_inputs import OnboardUser
from heidi_common.runtime import current_settings
from heidi_services.core.operations.base import JSON, OperationType, Step, StepContext

_PROFILE_FIELDS = ("email", "firstName", "lastName", "role")


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


ONBOARD_USER = OperationType(
    input=OnboardUser,
    redact=redact,
    steps=(
        Step("create-user", create_user, delete_user),
        Step("invite", invite),
        Step("greet", greet),
    ),
)
