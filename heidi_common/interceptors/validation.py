"""ValidationInterceptor: request bodies and query strings against schemas, with an error for every wrong field."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

import flask
import marshmallow as ma
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from heidi_common.interceptors.strict_json import read_json
from heidi_common.jwt.authentication import has_admin_token
from heidi_common.problems import FieldError, Forbidden, Invalid, UnsupportedMediaType
from heidi_common.schemas.error_pointers import escape, flatten
from heidi_common.schemas.fields import TotalField

View = TypeVar("View", bound=Callable[..., Any])


class Parser(FlaskParser):
    """webargs' parser with the platform's errors.

    400: the JSON is malformed. 415: the body is not JSON. 422: fields are wrong; each has a JSON pointer.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION)
    """None for every location: unknown parameters of a query are rejected, as the schemas' `unknown = RAISE` says."""

    def load_json(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Parse the body. An absent body without a content type counts as an empty object.

        Raises:
            BadRequest: The body is not strict JSON.
            UnsupportedMediaType: The content type is not JSON.
        """
        body = req.get_data(cache=True)
        if not body and not req.content_type:
            return {}
        if not req.is_json:
            raise UnsupportedMediaType("Send the request body with `Content-Type: application/json`.")
        return read_json(body) if body else missing

    def load_querystring(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Parse the query string.

        Raises:
            Invalid: A parameter that is not a list is repeated: which of its values applies would be ambiguous.
            Forbidden: The caller is not an ADMIN and requests the exact total of a list.
        """
        if not req.query_string:  # most requests have none
            return {}
        parameters = self._makeproxy(req.args, schema)
        lists = parameters.multiple_keys
        repeated = [name for name, values in req.args.lists() if len(values) > 1 and name not in lists]
        if repeated:
            raise _query_error(repeated, "Must not be given more than once.")
        if _requests_exact_total(req, schema) and not has_admin_token():
            raise Forbidden("Only an ADMIN can request `total=exact`. Request `total=true`.")
        return parameters

    def handle_error(
        self, error: ma.ValidationError, req: flask.Request, schema: ma.Schema, **_options: Any
    ) -> NoReturn:
        """Raise the errors of marshmallow as Invalid."""
        messages = error.messages if isinstance(error.messages, dict) else {"json": error.messages}
        raise Invalid(item for location, inner in messages.items() for item in flatten(inner, _root(location)))


def any_query(view: View) -> View:
    """Ignore unknown query parameters, on routes whose callers add their own (providers, mail programs, OAuth)."""
    view.heidi_any_query = True  # type: ignore[attr-defined]
    return view


def strict_query(view: View) -> View:
    """Reject every query parameter on a view that declares none.

    Returns:
        The view itself if its schema checks the query, or if it is marked with `@any_query`.
    """
    parameters = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
    if hasattr(view, "heidi_any_query") or any(parameter["in"] == "query" for parameter in parameters):
        return view

    @wraps(view)
    def strict(*args: Any, **values: Any) -> Any:
        if flask.request.query_string and flask.request.args:
            raise _query_error(flask.request.args, "Unknown query parameter.")
        return view(*args, **values)

    return cast(View, strict)


def _requests_exact_total(req: flask.Request, schema: ma.Schema) -> bool:
    return req.args.get("total") == TotalField.EXACT and isinstance(schema.fields.get("total"), TotalField)


def _query_error(names: Iterable[str], detail: str) -> Invalid:
    return Invalid(FieldError(f"/query/{escape(name)}", detail) for name in names)


def _root(location: str) -> str:
    return "" if location == "json" else f"/{location.replace('querystring', 'query')}"
