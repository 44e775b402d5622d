"""Machine clients, their tokens, and introspection."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, jsonify, request
from marshmallow import ValidationError

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.strict_json import read_json
from heidi_common.interceptors.transform import Blueprint
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import caller, guard, machine, public
from heidi_common.problems import Invalid
from heidi_common.schemas.base import PageQuery
from heidi_common.schemas.fields import clean_text
from heidi_services.auth.oauth import OAuthError, basic_credentials, form_of
from heidi_services.auth.routes.reauthentication import recently_signed_in
from heidi_services.auth.schemas import ClientIn, ClientOut, ClientSecretOut, GrantOut, IntrospectionOut
from heidi_services.auth.service import clients

blp = Blueprint("clients", __name__, description="Machine clients and their tokens")


@blp.route("/api/v1/auth/clients", methods=["POST"])
@guard(Role.ADMIN)
@recently_signed_in
@blp.arguments(ClientIn)
@blp.response(201, ClientSecretOut)
def create(body: dict[str, Any]) -> dict[str, Any]:
    """A new client; its secret is shown this once.

    403 `recent_sign_in_required` when the session is older than ten minutes: sign in again first.
    """
    return clients.create(body["name"], body["scopes"], caller().id)


@blp.route("/api/v1/auth/clients", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, ClientOut(many=True))
def listed(query: dict[str, Any]) -> Page:
    """The machine clients that are not revoked, latest first; never a secret."""
    return clients.listed(**query)


@blp.route("/api/v1/auth/clients/<uuid:client_id>", methods=["DELETE"])
@guard(Role.ADMIN)
@blp.response(204)
def revoke(client_id: UUID) -> None:
    """The client's tokens are refused at once."""
    clients.revoke(client_id, caller().id)


@blp.route("/api/v1/auth/clients/<uuid:client_id>/rotate", methods=["POST"])
@guard(Role.ADMIN)
@recently_signed_in
@blp.response(200, ClientSecretOut)
def rotate(client_id: UUID) -> dict[str, Any]:
    """A new secret; the old one is dead.

    403 `recent_sign_in_required` when the session is older than ten minutes: sign in again first.
    """
    return clients.rotate(client_id, caller().id)


@blp.route("/api/v1/auth/token", methods=["POST"])
@public
@any_query
@blp.doc(requestBody=form_of("grant_type", "client_id", "client_secret", "scope"))
@blp.response(200, GrantOut)
def token() -> Response:
    """`grant_type=client_credentials` (form); id and secret in the form or as Basic (RFC 6749)."""
    form = _form()
    if form.get("grant_type") != "client_credentials":
        error = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
        raise OAuthError(400, error, "grant_type must be client_credentials.")
    client_id, secret = basic_credentials(request.headers.get("Authorization", "")) or (
        form.get("client_id", ""),
        form.get("client_secret", ""),
    )
    return jsonify(clients.token(client_id, secret, form.get("scope"), request.remote_addr or ""))


@blp.route("/api/v1/auth/introspect", methods=["POST"])
@machine
@blp.doc(requestBody=form_of("token"))
@blp.response(200, IntrospectionOut)
def introspect() -> Response:
    """What is known of a `token` (form or JSON, RFC 7662)."""
    found = _form()
    if not found.get("token"):
        raise Invalid.field("token", "Missing data for required field.")
    return jsonify(clients.introspect(found["token"]))


def _form() -> dict[str, str]:
    """The fields of a form or of a JSON object, as clean text."""
    found = read_json(request.get_data(cache=True)) if request.is_json else request.form.to_dict()
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise OAuthError(400, "invalid_request", "Send the parameters as a form.")
    try:
        return {name: clean_text(value) for name, value in found.items()}
    except ValidationError as error:
        raise OAuthError(400, "invalid_request", str(error.messages[0])) from None
