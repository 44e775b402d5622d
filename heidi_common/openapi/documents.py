"""OpenAPI 3.1 and an offline Swagger UI for each service, under `/docs/<service>/`; `/docs/` lists the seven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_swagger_ui
from apispec import APISpec
from flask import Blueprint, Flask, Response, render_template_string, send_from_directory
from flask_smorest import Api
from marshmallow import fields, validate

from heidi_common.jwt.guards import public
from heidi_common.schemas.base import ProblemOut

VERSION = "1.0.0"
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
<body><h1>Heidi</h1><p>One REST platform, seven services.</p><ul>{% for name, about in services.items() %}
<li><a href="{{ name }}/">{{ name }}</a>: {{ about }} (<a href="{{ name }}/openapi.json">OpenAPI</a>)</li>{% endfor %}
</ul></body></html>"""


class ServiceApi(Api):  # type: ignore[misc]
    """flask-smorest's Api with our errors: its own handler drops `Allow` and `Retry-After`."""

    ERROR_SCHEMA = ProblemOut
    DEFAULT_RESPONSE_CONTENT_TYPE = "application/json"

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        super()._register_responses()
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/json"

    def _register_pagination_header(self) -> None:
        """Our pages have another shape (paging.py); theirs would stand in every document for nothing."""


def whole_pattern(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """JSON Schema's patterns are those of JavaScript: they match anywhere, and know no `\\Z`."""
    for validator in field.validators:
        if isinstance(validator, validate.Regexp):
            inner = str(validator.regex.pattern).removeprefix("^").removesuffix(r"\Z")
            return {"pattern": f"^(?:{inner})$"}
    return {}


def applied_default(_converter: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    """No default for what a PATCH leaves as it is, and none where "nothing" is what not sending it means anyway."""
    if getattr(field.parent, "partial", None) or ret.get("default", ...) is None:
        ret.pop("default", None)
    return {}


def make_api(app: Flask, name: str, about: str) -> ServiceApi:
    """The OpenAPI document of one service."""
    prefix = f"{name.upper()}_"
    app.config.update(
        {
            f"{prefix}API_TITLE": f"Heidi {name}",
            f"{prefix}API_VERSION": VERSION,
            f"{prefix}OPENAPI_VERSION": "3.1.0",
            f"{prefix}API_SPEC_OPTIONS": {"info": {"description": about}, "servers": [{"url": "/"}]},
        }
    )
    api = ServiceApi(app, config_prefix=prefix)
    for function in (whole_pattern, applied_default):
        api.ma_plugin.converter.add_attribute_function(function)
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    api.spec.components.security_scheme("bearer", scheme)
    return api


def docs_blueprint(name: str, spec: APISpec) -> Blueprint:
    """Swagger UI and the document, served by the service itself: no CDN."""
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


def index_blueprint(services: dict[str, str]) -> Blueprint:
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
