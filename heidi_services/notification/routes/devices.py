"""Where push goes, for each person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.schemas.base import PageQuery
from heidi_services.notification.models import Device
from heidi_services.notification.schemas import DeviceIn, DeviceOut
from heidi_services.notification.service import devices

blp = Blueprint("notification-devices", __name__, description="Where push goes")


@blp.route("/api/v1/notifications/devices", methods=["POST"])
@authenticated
@idempotent
@blp.arguments(DeviceIn)
@blp.response(201, DeviceOut)
def register_device(body: dict[str, Any]) -> Device:
    """Send push to this device from now on: an FCM token or a Web Push subscription."""
    found = body["subscription"]
    if found is None:
        return devices.register(caller().id, body["token"], label=body["label"])
    return devices.register(caller().id, found["endpoint"], **found["keys"], label=body["label"])


@blp.route("/api/v1/notifications/devices", methods=["GET"])
@authenticated
@blp.arguments(PageQuery, location="query")
@blp.response(200, DeviceOut(many=True))
def list_devices(query: dict[str, Any]) -> Page:
    """One's own devices."""
    return devices.listing(caller().id, **query)


@blp.route("/api/v1/notifications/devices/<uuid:device_id>", methods=["DELETE"])
@authenticated
@blp.response(204)
def remove_device(device_id: UUID) -> None:
    """Send no more push to this device."""
    devices.remove(device_id, caller().id)
