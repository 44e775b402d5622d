"""One OpenAPI 3.1 document for each service, built by flask-smorest from the routes and schemas."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_smorest import Api
from marshmallow import fields, validate

from heidi_common.identity.scopes import describe_scopes
from heidi_common.schemas.base import ProblemOut

VERSION = "1.1.0"
BEARER = f"""The access token of a user or a machine client. `x-roles` of an operation lists the roles of users that may
call it, `x-scopes` the scopes of machine clients, one of which is needed. {describe_scopes()}"""


class ServiceApi(Api):  # type: ignore[misc]
    """flask-smorest's Api with the platform's errors: its own error handler drops `Allow` and `Retry-After`."""

    ERROR_SCHEMA = ProblemOut
    DEFAULT_RESPONSE_CONTENT_TYPE = "application/json"

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        super()._register_responses()
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/json"

    def _register_pagination_header(self) -> None:
        """Leave out flask-smorest's pagination header: no route uses it (see `database/pagination.py`)."""


def make_api(app: Flask, name: str, about: str) -> ServiceApi:
    """Create the OpenAPI document of one service.

    Args:
        app: The app in which the service's blueprints are registered.
        name: The name of the service. Several services in one app do not share a document.
        about: The description in the document.
    """
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
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": BEARER}
    api.spec.components.security_scheme("bearer", scheme)
    return api


def whole_pattern(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """The `pattern` of a field, anchored at both ends.

    Source: JSON Schema uses ECMA-262 regular expressions, which match anywhere in the text and have no `\\Z`.
    """
    for validator in field.validators:
        if isinstance(validator, validate.Regexp):
            inner = str(validator.regex.pattern).removeprefix("^").removesuffix(r"\Z")
            return {"pattern": f"^(?:{inner})$"}
    return {}


def applied_default(_converter: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Remove a `default` that a PATCH does not apply, or that is null and so means the same as leaving it out."""
    if getattr(field.parent, "partial", None) or ret.get("default", ...) is None:
        ret.pop("default", None)
    return {}
