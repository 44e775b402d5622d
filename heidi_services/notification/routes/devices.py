"""A user's own devices, which receive push notifications."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.interceptors.conditional import tagged
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.data_subject import readable_user
from heidi_common.jwt.guards import authenticated, caller, public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.notification.models import PushDevice
from heidi_services.notification.schemas.devices import DeviceIn, DeviceOut, DeviceQuery, PushKeyOut
from heidi_services.notification.service.recipients import devices

blp = Blueprint("notification-devices", __name__, description="Devices that receive push notifications")


@blp.route("/api/v1/notifications/devices", methods=["POST"])
@authenticated
@idempotent
@blp.arguments(DeviceIn)
@blp.response(201, DeviceOut)
def register_device(body: dict[str, Any]) -> PushDevice:
    """Register a device for push notifications, by its FCM token or its Web Push subscription."""
    subscription = body["subscription"]
    if subscription is None:
        return devices.register_device(caller().id, body["token"], label=body["label"])
    return devices.register_device(caller().id, subscription["endpoint"], **subscription["keys"], label=body["label"])


@blp.route("/api/v1/notifications/push-key", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, PushKeyOut)
def get_push_key() -> dict[str, str]:
    """Get the VAPID public key with which a browser subscribes to push notifications (`applicationServerKey`)."""
    return {"public_key": devices.push_key()}


@blp.route("/api/v1/notifications/devices", methods=["GET"])
@authenticated
@blp.arguments(DeviceQuery, location="query")
@blp.response(200, DeviceOut(many=True))
def list_devices(query: dict[str, Any]) -> Page:
    """List your own devices, or (ADMIN) those of another user."""
    return devices.list_devices(readable_user(query.pop("user_id")), **query)


@blp.route("/api/v1/notifications/devices/<uuid:device_id>", methods=["DELETE"])
@authenticated
@blp.response(204)
def remove_device(device_id: UUID) -> None:
    """Stop push notifications to this device."""
    devices.remove_device(device_id, caller().id)
