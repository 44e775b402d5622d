"""onboard-user: an account, a mail by which its owner chooses a password, a greeting in the inbox."""

from __future__ import annotations

import base64
import hashlib
import hmac

from heidi_common.identity.models import Role
from heidi_common.operation_inputs import OnboardUser
from heidi_common.runtime import current_settings
from heidi_services.core.operations.base import JSON, Kind, Order, Step


def show(given: JSON) -> JSON:
    """No name and no address: the user's own row has them, and an erasure must not have to look here."""
    return {"role": given.get("role", Role.USER.value)}


def create_user(order: Order) -> JSON:
    wanted = {name: order.input[name] for name in ("email", "firstName", "lastName", "role") if name in order.input}
    user = order.send("users", "POST", "/api/v1/users", wanted | {"password": _nobodys_password(order)})
    return {"userId": user["id"]}


def delete_user(order: Order, result: JSON) -> None:
    order.send("users", "DELETE", f"/api/v1/users/{result['userId']}", gone_is_done=True)


def invite(order: Order) -> JSON:
    user_id = order.results["create-user"]["userId"]
    order.send("auth", "POST", "/api/v1/auth/password/invite", {"userId": user_id})
    return {}


def greet(order: Order) -> JSON:
    user_id = order.results["create-user"]["userId"]
    message = {"userId": user_id, "channel": "IN_APP", "type": "SUCCESS", "content": order.input["greeting"]}
    return {"notificationId": order.send("notification", "POST", "/api/v1/notifications", message)["id"]}


def _nobodys_password(order: Order) -> str:
    """The same at each repetition (so that the request is the same), known to nobody, soon replaced by the owner."""
    key = current_settings().secret_key.encode()
    digest = hmac.digest(key, b"onboard" + order.operation_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()


ONBOARD_USER = Kind(
    input=OnboardUser,
    show=show,
    steps=(
        Step("create-user", create_user, delete_user),
        Step("invite", invite),
        Step("greet", greet),
    ),
)
