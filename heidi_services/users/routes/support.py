"""What an administrator does for a user who has lost a device or suspects a thief."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from heidi_common.identity.models import Role
from heidi_common.interceptors.strict_json import read_json
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, guard
from heidi_common.jwt.reauthentication import requires_recent_sign_in
from heidi_common.schemas.error_pointers import invalid
from heidi_services.users.routes.responses import export_response
from heidi_services.users.schemas import ExportOut, ReasonIn, ReasonQuery
from heidi_services.users.service import support

blp = Blueprint("users-support", __name__, description="Second factors and sessions of users, for support")


@blp.route("/api/v1/users/<uuid:user_id>/mfa", methods=["DELETE"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.arguments(ReasonQuery, location="query")
@blp.response(204)
def remove_second_factor(query: dict[str, Any], user_id: UUID) -> None:
    """Remove the second factor of a user, who is notified by e-mail.

    `reason` is required and audited: a query parameter, or `{"reason": "..."}` as body. It must not contain personal
    data. 403 `recent_sign_in_required` if the session is older than ten minutes.
    """
    support.remove_second_factor(user_id, _reason(query), caller().id)


@blp.route("/api/v1/users/<uuid:user_id>/sessions", methods=["DELETE"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.arguments(ReasonQuery, location="query")
@blp.response(204)
def end_sessions(query: dict[str, Any], user_id: UUID) -> None:
    """End all sessions of a user, who is notified by e-mail. `reason` as for the second factor."""
    support.end_sessions(user_id, _reason(query), caller().id)


@blp.route("/api/v1/users/<uuid:user_id>/sessions/<uuid:session_id>", methods=["DELETE"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.arguments(ReasonQuery, location="query")
@blp.response(204)
def end_session(query: dict[str, Any], user_id: UUID, session_id: UUID) -> None:
    """End one session of a user, who is notified by e-mail. `reason` as for the second factor."""
    support.end_session(user_id, session_id, _reason(query), caller().id)


@blp.route("/api/v1/users/<uuid:user_id>/export", methods=["GET"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.arguments(ReasonIn, location="query")
@blp.response(200, ExportOut)
def export_user(query: dict[str, Any], user_id: UUID) -> Response:
    """Export all data that the platform stores about a user, as `GET /users/me/export` does for the caller.

    `reason` is audited. It must not contain personal data. 403 `recent_sign_in_required` as for the second factor.
    """
    authorization = request.headers["Authorization"]
    return export_response(support.export_data(user_id, query["reason"], caller().id, authorization))


def _reason(query: dict[str, Any]) -> str:
    """Read the reason from the query, or from the body: not every client and proxy sends the body of a DELETE."""
    body = query or (read_json(request.get_data()) if request.is_json else {})
    errors = ReasonIn().validate(body)
    if errors:
        raise invalid(errors, "")
    return str(ReasonIn().load(body)["reason"])
