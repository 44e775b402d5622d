"""offboard-user: nothing of a person's acts any more, then the account goes (softly: it can be restored)."""

from __future__ import annotations

from heidi_common.operation_inputs import OffboardUser
from heidi_services.core.operations.base import JSON, Kind, Order, Refused, Step


def show(given: JSON) -> JSON:
    return {"userId": given["userId"]}


def look_up(order: Order) -> JSON:
    """What is there before anything is changed: the steps after this one may be repeated, this one decides."""
    user_id = order.input["userId"]
    if user_id == str(order.requested_by):
        raise Refused("nobody offboards themselves")
    user = order.get("users", f"/api/v1/users/{user_id}")
    params = {"userId": user_id, "isActive": "true", "limit": 100}
    integrations = order.get("integration", "/api/v1/integrations", **params)
    return {"wasActive": user["isActive"], "integrationIds": [found["id"] for found in integrations]}


def deactivate(order: Order) -> JSON:
    order.send("users", "PATCH", _user(order), {"isActive": False})
    return {}


def reactivate(order: Order, _result: JSON) -> None:
    if order.results["look-up"]["wasActive"]:
        order.send("users", "PATCH", _user(order), {"isActive": True})


def disable_integrations(order: Order) -> JSON:
    return _set_integrations(order, active=False)


def enable_integrations(order: Order, _result: JSON) -> None:
    _set_integrations(order, active=True)


def delete_user(order: Order) -> JSON:
    order.send("users", "DELETE", _user(order), gone_is_done=True)
    return {}


def _user(order: Order) -> str:
    return f"/api/v1/users/{order.input['userId']}"


def _set_integrations(order: Order, *, active: bool) -> JSON:
    ids = order.results["look-up"]["integrationIds"]
    for found in ids:
        path = f"/api/v1/integrations/{found}"
        order.send("integration", "PATCH", path, {"isActive": active}, gone_is_done=True)
    return {"integrations": len(ids)}


OFFBOARD_USER = Kind(
    input=OffboardUser,
    show=show,
    steps=(
        Step("look-up", look_up),
        Step("deactivate", deactivate, reactivate),
        Step("disable-integrations", disable_integrations, enable_integrations),
        Step("delete-user", delete_user),
    ),
)
