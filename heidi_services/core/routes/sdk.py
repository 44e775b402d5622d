"""Files for web pages of others."""

from __future__ import annotations

from flask import Response

from heidi_common.jwt.guards import public
from heidi_common.sdk import inbox_response
from heidi_services.core.routes.blueprint import blp


@blp.route("/sdk/inbox.js", methods=["GET"])
@public
@blp.response(200, content_type="text/javascript", description="The web component `<heidi-inbox>`.")
def show_inbox_component() -> Response:
    """Get the web component `<heidi-inbox>`: a bell with the in-app messages of a user."""
    return inbox_response()
