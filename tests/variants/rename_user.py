"""An operation that the platform does not have: everything about it is declared in this file."""

from marshmallow import fields

from heidi_common.identity.scopes import Scope
from heidi_common.operations.base import JSON, OperationType, Step, StepContext
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import PersonName


class RenameUser(Schema):
    """Rename a user and tell them."""

    user_id = fields.UUID(required=True)
    first_name = PersonName(required=True)


def look_up(context: StepContext) -> JSON:
    return {"before": context.get("users", _path(context))["firstName"]}


def rename(context: StepContext) -> JSON:
    context.send("users", "PATCH", _path(context), {"firstName": context.input["firstName"]})
    return {}


def rename_back(context: StepContext, _result: JSON) -> None:
    context.send("users", "PATCH", _path(context), {"firstName": context.results["look-up"]["before"]})


def tell(context: StepContext) -> JSON:
    message = {"userId": context.input["userId"], "channel": "IN_APP", "content": "You have a new name."}
    return {"notificationId": context.send("notification", "POST", "/api/v1/notifications", message)["id"]}


def _path(context: StepContext) -> str:
    return f"/api/v1/users/{context.input['userId']}"


OPERATION = OperationType(
    name="rename-user",
    input=RenameUser,
    redact=lambda payload: {"userId": payload["userId"]},
    scopes=frozenset({Scope.USERS_READ, Scope.USERS_WRITE, Scope.NOTIFICATIONS_WRITE}),
    steps=(Step("look-up", look_up), Step("rename", rename, rename_back), Step("tell", tell)),
)
