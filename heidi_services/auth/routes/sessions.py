"""Endpoints of the signed-in user: their account, their token and their sessions."""

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

blp = Blueprint("sessions", __name__, description="The signed-in user and their sessions")


@blp.route("/api/v1/auth/validate", methods=["POST"])
@authenticated
@blp.response(200, ValidOut)
def validate_token() -> Response:
    """Return the user and the claims of a valid access token; 401 otherwise."""
    return jsonify(enveloped({"valid": True, "user": _me(), "claims": caller().claims}))


@blp.route("/api/v1/auth/me", methods=["GET"])
@authenticated
@blp.response(200, UserOut)
def read_me() -> Response:
    """Return the signed-in user."""
    return jsonify(enveloped(_me()))


@blp.route("/api/v1/auth/sessions", methods=["GET"])
@authenticated
@blp.arguments(SessionQuery, location="query")
@blp.response(200, SessionOut(many=True))
def list_sessions(query: dict[str, Any]) -> list[dict[str, Any]]:
    """List the active sessions, the most recently used first. `current` marks the session of this request."""
    return sessions.list_sessions(caller(), query["user_id"])


@blp.route("/api/v1/auth/sessions/<uuid:session_id>", methods=["DELETE"])
@authenticated
@blp.response(204)
def end_session(session_id: UUID) -> None:
    """End one of the user's sessions."""
    sessions.end_session(caller(), session_id)


def _me() -> dict[str, Any]:
    user = accounts.read_public(caller().id)
    if user is None:
        raise Unauthorized("The session has ended.", error="invalid_token")
    return serializers.serialize_user_json(user)
