"""People over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, jsonify, request

from heidi_common.identity.models import Role, User
from heidi_common.interceptors.conditional import if_match, set_etag
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint, enveloped
from heidi_common.jwt.guards import authenticated, caller, guard
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.users.schemas import ErasedOut, EraseIn, ExportOut, PeopleQuery, PersonIn, PersonOut, PersonPatch
from heidi_services.users.serializers import answer, page_answer, tag
from heidi_services.users.service import data_export, erasure, queries, users

blp = Blueprint("users", __name__, description="People")
blueprints = (blp,)


@blp.route("/api/v1/users", methods=["GET"])
@guard(Role.ADMIN, Role.MODERATOR)
@blp.arguments(PeopleQuery, location="query")
@blp.response(200, PersonOut(many=True))
def listed(query: dict[str, Any]) -> Response:
    """`?q=` finds names and addresses; filters, `?sort=`, pages by cursor."""
    return page_answer(queries.listed(query))


@blp.route("/api/v1/users", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(PersonIn)
@blp.response(201, PersonOut)
def create(body: dict[str, Any]) -> Response:
    """A new account of any role."""
    return answer(users.create(body, caller().id), 201)


@blp.route("/api/v1/users/<uuid:user_id>", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@blp.response(200, PersonOut)
def get(user_id: UUID) -> Response:
    """Oneself; anybody for ADMIN and MODERATOR."""
    return _read(user_id)


@blp.route("/api/v1/users/me", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@blp.response(200, PersonOut)
def get_me() -> Response:
    """Oneself."""
    return _read(caller().id)


@blp.route("/api/v1/users/<uuid:user_id>", methods=["PATCH"])
@authenticated
@documents(IF_MATCH)
@blp.arguments(PersonPatch)
@blp.response(200, PersonOut)
def update(body: dict[str, Any], user_id: UUID) -> Response:
    """One's own profile; ADMIN anybody's, and `role`, `isActive`, `email` too. Honours `If-Match`."""
    return _changed(users.update(caller(), user_id, body, if_match()))


@blp.route("/api/v1/users/me", methods=["PATCH"])
@authenticated
@documents(IF_MATCH)
@blp.arguments(PersonPatch)
@blp.response(200, PersonOut)
def update_me(body: dict[str, Any]) -> Response:
    """One's own profile. Honours `If-Match`."""
    return _changed(users.update(caller(), caller().id, body, if_match()))


@blp.route("/api/v1/users/<uuid:user_id>", methods=["DELETE"])
@authenticated
@documents(IF_MATCH)
@blp.response(204)
def delete(user_id: UUID) -> None:
    """Soft delete, by oneself or an ADMIN; all sessions end at once."""
    users.delete(caller(), user_id, if_match())


@blp.route("/api/v1/users/me", methods=["DELETE"])
@authenticated
@documents(IF_MATCH)
@blp.response(204)
def delete_me() -> None:
    """Soft delete of oneself; all sessions end at once."""
    users.delete(caller(), caller().id, if_match())


@blp.route("/api/v1/users/<uuid:user_id>/restore", methods=["POST"])
@guard(Role.ADMIN)
@blp.response(200, PersonOut)
def restore(user_id: UUID) -> Response:
    """Take a deletion back; 409 when the e-mail is taken meanwhile."""
    return _changed(users.restore(user_id, caller().id))


@blp.route("/api/v1/users/me/export", methods=["GET"])
@authenticated
@blp.response(200, ExportOut)
def export() -> Response:
    """Everything the platform holds on the caller, over all services."""
    found = data_export.export(caller().id, request.headers["Authorization"])
    response = jsonify(enveloped(found))
    response.headers["Content-Disposition"] = 'attachment; filename="heidi-export.json"'
    return response


@blp.route("/api/v1/users/<uuid:user_id>/erase", methods=["POST"])
@authenticated
@blp.arguments(EraseIn)
@blp.response(202, ErasedOut)
def erase(body: dict[str, Any], user_id: UUID) -> dict[str, Any]:
    """Oneself with the password, or anybody by an ADMIN: a tombstone in all services."""
    user = erasure.erase(caller(), user_id, body.get("password"))
    return {"id": user.id, "erased_at": user.erased_at}


def _read(user_id: UUID) -> Response:
    row = queries.get(caller(), user_id)
    set_etag(tag(row))
    return answer(row)


def _changed(user: User) -> Response:
    response = answer(user)
    response.headers["ETag"] = tag(user)
    return response
