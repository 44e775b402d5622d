"""offboard-user: deactivate a user and their integrations, then delete the account (softly: it can be restored)."""

from __future__ import annotations

from marshmallow import fields

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope
from heidi_common.operations.base import JSON, OperationType, Step, StepContext, StepRejected
from heidi_common.schemas.base import Schema


class OffboardUser(Schema):
    """Deactivate an account and its integrations, then delete the account (it can be restored)."""

    user_id = fields.UUID(required=True)


def redact(payload: JSON) -> JSON:
    return {"userId": payload["userId"]}


def look_up(context: StepContext) -> JSON:
    """Record the state before any change.

    The later steps may be repeated when part of the change has been made, so they rely on this result.
    """
    user_id = context.input["userId"]
    if user_id == str(context.requested_by):
        raise StepRejected("you cannot offboard your own account")
    user = context.get("users", f"/api/v1/users/{user_id}")
    if user["role"] == Role.ADMIN:
        raise StepRejected("an administrator cannot be offboarded by an operation")
    integrations = context.get_all("integration", "/api/v1/integrations", userId=user_id, isActive="true")
    return {"wasActive": user["isActive"], "integrationIds": [integration["id"] for integration in integrations]}


def deactivate(context: StepContext) -> JSON:
    context.send("users", "PATCH", _user_path(context), {"isActive": False})
    return {}


def reactivate(context: StepContext, _result: JSON) -> None:
    if context.results["look-up"]["wasActive"]:
        context.send("users", "PATCH", _user_path(context), {"isActive": True})


def disable_integrations(context: StepContext) -> JSON:
    return _set_integrations(context, active=False)


def enable_integrations(context: StepContext, _result: JSON) -> None:
    _set_integrations(context, active=True)


def delete_user(context: StepContext) -> JSON:
    context.send("users", "DELETE", _user_path(context), missing_ok=True)
    return {}


def _user_path(context: StepContext) -> str:
    return f"/api/v1/users/{context.input['userId']}"


def _set_integrations(context: StepContext, *, active: bool) -> JSON:
    integration_ids = context.results["look-up"]["integrationIds"]
    for integration_id in integration_ids:
        path = f"/api/v1/integrations/{integration_id}"
        context.send("integration", "PATCH", path, {"isActive": active}, missing_ok=True)
    return {"integrations": len(integration_ids)}


OPERATION = OperationType(
    name="offboard-user",
    input=OffboardUser,
    redact=redact,
    scopes=frozenset({Scope.USERS_READ, Scope.USERS_WRITE, Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_WRITE}),
    steps=(
        Step("look-up", look_up),
        Step("deactivate", deactivate, reactivate),
        Step("disable-integrations", disable_integrations, enable_integrations),
        Step("delete-user", delete_user),
    ),
)
