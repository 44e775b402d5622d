"""Endpoints of the signed-in user: their account, their token and their sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from heidi_common.database.pagination import Page
from heidi_common.identity import accounts, serializers
from heidi_common.identity.serializers import AnyRow
from heidi_common.interceptors.conditional import set_etag
from heidi_common.interceptors.transform import Blueprint, enveloped
from heidi_common.jwt.guards import authenticated, caller
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.problems import Unauthorized
from heidi_services.auth.schemas import MeOut, SessionOut, SessionQuery, ValidOut
from heidi_services.auth.service import profile, sessions

blp = Blueprint("sessions", __name__, description="The signed-in user and their sessions")


@blp.route("/api/v1/auth/validate", methods=["POST"])
@authenticated
@blp.response(200, ValidOut)
def validate_token() -> Response:
    """Return the user and the claims of a valid access token; 401 otherwise."""
    return jsonify(
        enveloped({"valid": True, "user": serializers.serialize_user_json(_read_caller()), "claims": caller().claims})
    )


@blp.route("/api/v1/auth/me", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@blp.response(200, MeOut)
def read_me() -> Response:
    """Return the signed-in user, whether a second factor is enabled, and how many recovery codes remain.

    A change of `/users/me` can name the `ETag` in `If-Match`.
    """
    me = profile.read_me(caller().id)
    set_etag(me.etag)
    return jsonify(enveloped(me.json))


@blp.route("/api/v1/auth/sessions", methods=["GET"])
@authenticated
@blp.arguments(SessionQuery, location="query")
@blp.response(200, SessionOut(many=True))
def list_sessions(query: dict[str, Any]) -> Page:
    """List the active sessions, the most recently used first. `current` marks the session of this request.

    At most 200 are listed; if there are more, `meta.hasMore` is true although there is no next page.
    """
    return sessions.list_sessions(caller(), query["user_id"])


@blp.route("/api/v1/auth/sessions/<uuid:session_id>", methods=["DELETE"])
@authenticated
@blp.response(204)
def end_session(session_id: UUID) -> None:
    """End one of the user's sessions."""
    sessions.end_session(caller(), session_id)


def _read_caller() -> AnyRow:
    user = accounts.read_public(caller().id)
    if user is None:
        raise Unauthorized("The session has ended.", error="invalid_token")
    return user
