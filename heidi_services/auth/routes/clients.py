"""Endpoints of machine clients, their tokens, and introspection."""

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
from heidi_common.jwt.reauthentication import requires_recent_sign_in
from heidi_common.problems import Invalid
from heidi_common.schemas.base import PageQuery
from heidi_common.schemas.fields import clean_text
from heidi_services.auth.oauth import OAuthError, basic_credentials, form_request_body
from heidi_services.auth.schemas import ClientIn, ClientOut, ClientSecretOut, GrantOut, IntrospectionOut
from heidi_services.auth.service import client_credentials, clients

blp = Blueprint("clients", __name__, description="Machine clients and their tokens")


@blp.route("/api/v1/auth/clients", methods=["POST"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.arguments(ClientIn)
@blp.response(201, ClientSecretOut)
def create_client(body: dict[str, Any]) -> dict[str, Any]:
    """Create a machine client. The response is the only one that contains its secret.

    403 `recent_sign_in_required` if the session is older than ten minutes: sign in again first.
    """
    return clients.create_client(body["name"], body["scopes"], caller().id)


@blp.route("/api/v1/auth/clients", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, ClientOut(many=True))
def list_clients(query: dict[str, Any]) -> Page:
    """List the machine clients that are not revoked, newest first, without their secrets."""
    return clients.list_clients(**query)


@blp.route("/api/v1/auth/clients/<uuid:client_id>", methods=["DELETE"])
@guard(Role.ADMIN)
@blp.response(204)
def revoke_client(client_id: UUID) -> None:
    """Revoke a machine client. All services reject its tokens immediately."""
    clients.revoke_client(client_id, caller().id)


@blp.route("/api/v1/auth/clients/<uuid:client_id>/rotate", methods=["POST"])
@guard(Role.ADMIN)
@requires_recent_sign_in
@blp.response(200, ClientSecretOut)
def rotate_secret(client_id: UUID) -> dict[str, Any]:
    """Replace the secret of a machine client. The old secret is rejected immediately.

    403 `recent_sign_in_required` if the session is older than ten minutes: sign in again first.
    """
    return clients.rotate_secret(client_id, caller().id)


@blp.route("/api/v1/auth/token", methods=["POST"])
@public
@any_query
@blp.doc(requestBody=form_request_body("grant_type", "client_id", "client_secret", "scope"))
@blp.response(200, GrantOut)
def issue_token() -> Response:
    """Issue an access token to a machine client (RFC 6749, 4.4).

    Send a form with `grant_type=client_credentials`; the client ID and the secret in the form or as Basic credentials.
    """
    form = _form()
    if form.get("grant_type") != "client_credentials":
        error = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
        raise OAuthError(400, error, "`grant_type` must be `client_credentials`.")
    client_id, secret = basic_credentials(request.headers.get("Authorization", "")) or (
        form.get("client_id", ""),
        form.get("client_secret", ""),
    )
    return jsonify(client_credentials.issue_token(client_id, secret, form.get("scope"), request.remote_addr or ""))


@blp.route("/api/v1/auth/introspect", methods=["POST"])
@machine
@blp.doc(requestBody=form_request_body("token"))
@blp.response(200, IntrospectionOut)
def introspect() -> Response:
    """Return the claims of a valid `token`, else only `active: false` (form or JSON, RFC 7662)."""
    form = _form()
    if not form.get("token"):
        raise Invalid.field("token", "Missing data for required field.")
    return jsonify(client_credentials.introspect_token(form["token"]))


def _form() -> dict[str, str]:
    """Read the fields of a form or of a JSON object, as clean text."""
    form = read_json(request.get_data(cache=True)) if request.is_json else request.form.to_dict()
    if not isinstance(form, dict) or not all(isinstance(value, str) for value in form.values()):
        raise OAuthError(400, "invalid_request", "Send the parameters as form fields.")
    try:
        return {name: clean_text(value) for name, value in form.items()}
    except ValidationError as error:
        raise OAuthError(400, "invalid_request", str(error.messages[0])) from None
