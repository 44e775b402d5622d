"""The OpenAPI document of all services."""

from __future__ import annotations

from flask import Response, current_app

from heidi_common.config.service_registry import SERVICES
from heidi_common.jwt.guards import public
from heidi_common.openapi.combined import combine_documents
from heidi_common.peers.client import call_peers
from heidi_common.peers.models import PeerRequest
from heidi_common.problems import Unavailable
from heidi_services.core.routes.blueprint import blp

ABOUT = "All services of the platform in one document. `/docs/<service>/openapi.json` has those of a single service."


@blp.route("/docs/openapi.json", methods=["GET"])
@public
@blp.response(200, content_type="application/json", description="An OpenAPI 3.1 document.")
def all_documents() -> Response:
    """Show one OpenAPI document of all services, made of those that the running services serve."""
    responses = call_peers({name: PeerRequest(name, f"/docs/{name}/openapi.json") for name in SERVICES})
    missing = sorted(name for name, response in responses.items() if not response.ok)
    if missing:
        raise Unavailable(f"These services did not respond: {', '.join(missing)}. Try again later.")
    combined = combine_documents({name: response.body for name, response in responses.items()}, ABOUT)
    body = current_app.json.dumps(combined)
    return Response(body, mimetype="application/json", headers={"Cache-Control": "public, max-age=60"})
