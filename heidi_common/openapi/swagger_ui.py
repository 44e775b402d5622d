"""The pages under `/docs/`: a Swagger UI for each service, served from the installed package instead of a CDN."""

from __future__ import annotations

from collections.abc import Mapping
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
INDEX_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Heidi</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style></head>
<body><h1>Heidi</h1><p>One REST platform, {{ services|length }} services.</p>
<ul>{% for name, about in services.items() %}
<li><a href="{{ name }}/">{{ name }}</a>: {{ about }} (<a href="{{ name }}/openapi.json">OpenAPI</a>)</li>{% endfor %}
</ul></body></html>"""


def docs_blueprint(name: str, spec: APISpec) -> Blueprint:
    """The routes of one service under `/docs/<name>/`: Swagger UI, `openapi.json` and assets."""
    blueprint = Blueprint(f"docs-{name}", __name__, url_prefix=f"/docs/{name}")

    @blueprint.get("/")
    @public
    def ui() -> Response:
        return _page(render_template_string(UI_PAGE, name=name))

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


def index_blueprint(services: Mapping[str, str]) -> Blueprint:
    """The page `/docs/` with links to all services. `services` maps names to titles."""
    blueprint = Blueprint("docs-index", __name__)

    @blueprint.get("/docs/")
    @public
    def index() -> Response:
        return _page(render_template_string(INDEX_PAGE, services=services))

    return blueprint


def _page(html: str) -> Response:
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = UI_POLICY
    response.headers["Cache-Control"] = "max-age=300"
    return response
