"""GraphQL. Its rules are those of the services that it reads from."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

from heidi_common.interceptors.rate_limit import throttle_caller
from heidi_common.jwt.authentication import authenticate_if_present
from heidi_common.jwt.guards import public
from heidi_common.peers.client import caller_headers
from heidi_common.runtime import current_state, prepare_with
from heidi_services.core.graphql.execution import execute, prepare
from heidi_services.core.routes.blueprint import blp
from heidi_services.core.schemas import graphql as schemas

blp.record(lambda state: prepare_with(state.app, prepare))

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


@blp.route("/api/v1/graphql", methods=["POST"])
@public
@blp.arguments(schemas.GraphQLIn)
@blp.response(200, schemas.GraphQLOut)
def execute_graphql(body: dict[str, Any]) -> Response:
    """Execute a GraphQL query or mutation with the permissions of the access token.

    Without a token: introspection, and what is public. Errors of fields are in `errors`, each with the `service` and
    the `code` of its error in `extensions`. Limits: 8 levels, a cost (fields x page sizes) of 5,000, 1,500 tokens.
    """
    caller = authenticate_if_present()
    throttle_caller()
    result = execute(body, caller_headers(), current_state().deadline, may_keep=caller is not None)
    return _response(result)


def _response(result: dict[str, Any]) -> Response:
    """Respond in the media type that the client prefers.

    Source: GraphQL over HTTP: `application/json` has the status 200 even if the request was rejected.
    """
    kind = request.accept_mimetypes.best_match([JSON, GRAPHQL_JSON], default=JSON)
    status = 400 if kind == GRAPHQL_JSON and "data" not in result else 200
    response = current_app.response_class(current_app.json.dumps(result), status=status, mimetype=kind)
    response.headers["Cache-Control"] = "no-store"
    return response
