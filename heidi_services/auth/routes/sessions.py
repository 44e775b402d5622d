"""Who am I, is my token good, which devices are signed in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from heidi_common.identity import accounts, serializers
from heidi_common.identity.serializers import UserOut
from heidi_common.interceptors.transform import Blueprint, enveloped
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.problems import Unauthorized
from heidi_services.auth.schemas import SessionOut, SessionQuery, ValidOut
from heidi_services.auth.service import sessions

blp = Blueprint("sessions", __name__, description="The signed-in person and their devices")


@blp.route("/api/v1/auth/validate", methods=["POST"])
@authenticated
@blp.response(200, ValidOut)
def validate() -> Response:
    """200 with the person and the claims of a good access token; 401 otherwise."""
    return jsonify(enveloped({"valid": True, "user": _me(), "claims": caller().claims}))


@blp.route("/api/v1/auth/me", methods=["GET"])
@authenticated
@blp.response(200, UserOut)
def me() -> Response:
    """The signed-in person."""
    return jsonify(enveloped(_me()))


@blp.route("/api/v1/auth/sessions", methods=["GET"])
@authenticated
@blp.arguments(SessionQuery, location="query")
@blp.response(200, SessionOut(many=True))
def devices(query: dict[str, Any]) -> list[dict[str, Any]]:
    """The live sessions: device, address, created, last used, and which one is asking."""
    return sessions.devices(caller(), query["user_id"])


@blp.route("/api/v1/auth/sessions/<uuid:session_id>", methods=["DELETE"])
@authenticated
@blp.response(204)
def end_session(session_id: UUID) -> None:
    """Sign a device out."""
    sessions.end(caller(), session_id)


def _me() -> dict[str, Any]:
    user = accounts.read_public(caller().id)
    if user is None:
        raise Unauthorized("The session has ended.", error="invalid_token")
    return serializers.serialize_user_json(user)
