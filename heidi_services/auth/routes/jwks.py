"""The endpoint of the public keys, with which any service can verify the platform's tokens."""

from __future__ import annotations

from flask import Response, jsonify

from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import public
from heidi_common.jwt.keys import public_set
from heidi_common.jwt.signing_keys import private_keys
from heidi_services.auth.schemas import JwksOut

blp = Blueprint("keys", __name__, description="Public keys")


@blp.route("/.well-known/jwks.json", methods=["GET"])
@public
@blp.response(200, JwksOut)
def list_public_keys() -> Response:
    """Return the next, the current and the previous public keys (RFC 7517)."""
    response = jsonify(public_set(private_keys().keys))
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
