"""Accounts and profiles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from heidi_common.identity.models import Role, User
from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.conditional import if_match, set_etag
from heidi_common.interceptors.idempotency import idempotent, idempotent_outside
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guard, guarded_user
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.users.routes.responses import export_response, page_response, user_response
from heidi_services.users.schemas import ErasedOut, EraseIn, ExportOut, UserIn, UserListQuery, UserPatch
from heidi_services.users.serializers import UserDetailOut, user_etag
from heidi_services.users.service import data_export, erasure, queries, users

blp = Blueprint("users", __name__, description="Users")
READ, WRITE = (Scope.USERS_READ,), (Scope.USERS_WRITE,)


@blp.route("/api/v1/users", methods=["GET"])
@guard(Role.ADMIN, Role.MODERATOR, scopes=READ)
@blp.arguments(UserListQuery, location="query")
@blp.response(200, UserDetailOut(many=True))
def list_users(query: dict[str, Any]) -> Response:
    """List users. `?q=` searches names and e-mail addresses, `?ids=` reads a batch.

    Names are found as "First Last" and "Last First", internationalized domains in Unicode and in Punycode.
    """
    return page_response(queries.list_users(query))


@blp.route("/api/v1/users", methods=["POST"])
@guard(Role.ADMIN, scopes=WRITE)
@idempotent
@blp.arguments(UserIn)
@blp.response(201, UserDetailOut)
def create_user(body: dict[str, Any]) -> Response:
    """Create a user of any role (a machine client: any but ADMIN)."""
    return user_response(users.create_as(caller(), body), 201)


@blp.route("/api/v1/users/<uuid:user_id>", methods=["GET"])
@guarded_user(scopes=READ)
@documents(IF_NONE_MATCH)
@blp.response(200, UserDetailOut)
def get_user(user_id: UUID) -> Response:
    """Read your own account, or (ADMIN, MODERATOR and machine clients) any account."""
    return _read_response(user_id)


@blp.route("/api/v1/users/me", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@blp.response(200, UserDetailOut)
def get_me() -> Response:
    """Read your own account."""
    return _read_response(caller().id)


@blp.route("/api/v1/users/<uuid:user_id>", methods=["PATCH"])
@guarded_user(scopes=WRITE)
@documents(IF_MATCH)
@blp.arguments(UserPatch)
@blp.response(200, UserDetailOut)
def update_user(body: dict[str, Any], user_id: UUID) -> Response:
    """Change your own profile, or (ADMIN) any account, with `role`, `isActive` and `email`. Honors `If-Match`.

    A machine client may change any account but that of an administrator, and cannot make one: 403.
    """
    return _changed_response(users.update(caller(), user_id, body, if_match()))


@blp.route("/api/v1/users/me", methods=["PATCH"])
@authenticated
@documents(IF_MATCH)
@blp.arguments(UserPatch)
@blp.response(200, UserDetailOut)
def update_me(body: dict[str, Any]) -> Response:
    """Change your own profile. Honors `If-Match`."""
    return _changed_response(users.update(caller(), caller().id, body, if_match()))


@blp.route("/api/v1/users/<uuid:user_id>", methods=["DELETE"])
@guarded_user(scopes=WRITE)
@documents(IF_MATCH)
@blp.response(204)
def delete_user(user_id: UUID) -> None:
    """Soft-delete your own account (after a recent sign-in), or (ADMIN) any account. All sessions end immediately.

    A machine client may delete any account but that of an administrator: 403.
    """
    users.delete(caller(), user_id, if_match())


@blp.route("/api/v1/users/me", methods=["DELETE"])
@authenticated
@documents(IF_MATCH)
@blp.response(204)
def delete_me() -> None:
    """Soft-delete your own account. All sessions end immediately.

    403 `recent_sign_in_required` if the session is older than ten minutes: sign in again first.
    """
    users.delete(caller(), caller().id, if_match())


@blp.route("/api/v1/users/<uuid:user_id>/restore", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.response(200, UserDetailOut)
def restore_user(user_id: UUID) -> Response:
    """Restore a deleted account. 409 if another account has taken its e-mail address in the meantime."""
    return _changed_response(users.restore(user_id, caller().id))


@blp.route("/api/v1/users/me/export", methods=["GET"])
@authenticated
@blp.response(200, ExportOut)
def export_me() -> Response:
    """Export all data that the platform stores about the caller, across all services."""
    return export_response(data_export.export_user(caller().id, request.headers["Authorization"]))


@blp.route("/api/v1/users/<uuid:user_id>/erase", methods=["POST"])
@authenticated
@idempotent_outside
@blp.arguments(EraseIn)
@blp.response(202, ErasedOut)
def erase_user(body: dict[str, Any], user_id: UUID) -> dict[str, Any]:
    """Erase your own personal data (requires `password`), or (ADMIN) that of any user, in all services."""
    user = erasure.erase_user(caller(), user_id, body.get("password"))
    return {"id": user.id, "erased_at": user.erased_at}


def _read_response(user_id: UUID) -> Response:
    row = queries.get_user(caller(), user_id)
    set_etag(user_etag(row))
    return user_response(row)


def _changed_response(user: User) -> Response:
    response = user_response(user)
    response.headers["ETag"] = user_etag(user)
    return response
