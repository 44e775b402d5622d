"""A Swagger UI for each service under `/docs/<name>/`, served from the installed package instead of a CDN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_swagger_ui
from apispec import APISpec
from flask import Blueprint, Response, render_template_string, send_from_directory

from heidi_common.jwt.guards import public

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
UI_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)
UI_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ name }} - Heidi</title>
<link rel="stylesheet" href="assets/swagger-ui.css"><link rel="icon" href="assets/favicon-32x32.png"></head>
<body><div id="ui"></div><script src="assets/swagger-ui-bundle.js"></script><script>
SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true, persistAuthorization: true, validatorUrl: null})
</script></body></html>"""


def docs_blueprint(name: str, spec: APISpec) -> Blueprint:
    """The routes of one service under `/docs/<name>/`: Swagger UI, `openapi.json` and assets."""
    blueprint = Blueprint(f"docs-{name}", __name__, url_prefix=f"/docs/{name}")

    @blueprint.get("/")
    @public
    def ui() -> Response:
        return html_page(render_template_string(UI_PAGE, name=name))

    @blueprint.get("/openapi.json")
    @public
    def document() -> dict[str, Any]:
        return spec.to_dict()

    @blueprint.get("/assets/<path:path>")
    @public
    def asset(path: str) -> Response:
        response = send_from_directory(ASSETS, path, max_age=86400)
        response.headers["Content-Security-Policy"] = UI_POLICY
        return response

    return blueprint


def html_page(html: str) -> Response:
    """The response of a page of the documentation."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = UI_POLICY
    response.headers["Cache-Control"] = "max-age=300"
    return response
