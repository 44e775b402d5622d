"""TransformInterceptor: the envelope of responses, pages, and what OpenAPI documents beside the schemas."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import flask_smorest
import marshmallow as ma
from flask import after_this_request, g, request
from werkzeug import Response

from heidi_common.database.pagination import Page
from heidi_common.interceptors.validation import Parser, strict_query
from heidi_common.jwt.guards import guard_of
from heidi_common.openapi.headers import add_headers
from heidi_common.runtime import current_settings
from heidi_common.schemas.base import ListMeta
from heidi_common.schemas.naming import camel

View = Callable[..., Any]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """The blueprint of every service's routes.

    It wraps results in `{"data": ..., "meta": {...}}`, turns a `Page` into a list with a Link header, parses input
    strictly, and documents the guard and the request headers of each route.
    """

    ARGUMENTS_PARSER = Parser()

    if TYPE_CHECKING:  # flask-smorest has no types, and an untyped decorator would hide the types of every view

        def route(self, rule: str, **options: Any) -> Callable[[View], View]: ...

        def doc(self, **members: Any) -> Callable[[View], View]: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._prepare_guard_doc)

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, *a: Any, **kw: Any) -> None:
        """Register a route, with its guard for OpenAPI. Unknown query parameters are rejected on every route."""
        if view_func is not None:
            view_func = strict_query(view_func)
            names = {"guard": guard_of(view_func), "operation": camel(view_func.__name__.rstrip("_"))}
            view_func._apidoc = {**getattr(view_func, "_apidoc", {}), **names}
        super().add_url_rule(rule, endpoint, view_func, *a, **kw)

    def arguments(self, schema: Any, **kwargs: Any) -> Callable[[View], View]:
        """Use one instance of the schema for all requests: creating it takes longer than using it."""
        instance = schema() if isinstance(schema, type) else schema
        return super().arguments(instance, **kwargs)  # type: ignore[no-any-return]

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> Callable[[View], View]:
        decorate = super().response(status_code, schema, **kwargs)

        def decorator(view: View) -> View:
            @wraps(view)
            def unpack(*args: Any, **values: Any) -> Any:
                result = view(*args, **values)
                return page_items(result) if isinstance(result, Page) else result

            return decorate(unpack)  # type: ignore[no-any-return]

        return decorator

    @staticmethod
    def _prepare_response_content(data: Any) -> Any:
        return enveloped(data, g.get("meta"))

    @staticmethod
    def _make_doc_response_schema(schema: ma.Schema | None) -> Any:
        if schema is None or getattr(schema, "bare", False):
            return schema
        return _envelope_schema(type(schema), bool(schema.many))

    @staticmethod
    def _prepare_guard_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        doc.setdefault("operationId", doc_info["operation"])
        guard = doc_info.get("guard")
        if guard is not None:
            doc.update(guard.describe())
        add_headers(doc, doc_info.get("request_headers", []))
        doc.setdefault("responses", {}).setdefault("default", "DEFAULT_ERROR")
        return doc


def enveloped(data: Any, meta: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of a successful response. `meta` must depend on the data alone, since ETags do."""
    return {"data": data, "meta": meta or {}}


@cache
def _envelope_schema(schema: type[ma.Schema], many: bool) -> type[ma.Schema]:
    """The envelope in OpenAPI: one class for each schema, so that each is one component.

    A schema with special members in `meta` names their schema in `envelope_meta`.
    """
    name = schema.__name__.removesuffix("Out") + ("List" if many else "")
    meta_schema = ListMeta if many else getattr(schema, "envelope_meta", None)
    meta = ma.fields.Nested(meta_schema, required=True) if meta_schema else ma.fields.Dict(required=True)
    members = {"data": ma.fields.Nested(schema, many=many, required=True), "meta": meta}
    return type(f"{name}Answer", (ma.Schema,), members)


def page_items(page: Page) -> list[Any]:
    """Return the items of a page, and put its metadata and a `Link` to the next page into this response."""
    g.meta = page.meta
    if page.next_cursor is not None:
        query = [(k, v) for k, v in request.args.items(multi=True) if k != "cursor"]
        link = f'<{request.path}?{urlencode([*query, ("cursor", page.next_cursor)])}>; rel="next"'

        @after_this_request
        def add_link(response: Response) -> Response:
            response.headers["Link"] = link
            return response

    return page.items


def raw_body() -> bytes:
    """The unparsed body of a request from a provider, for the verification of signatures.

    Providers send larger bodies than users may (`MAX_WEBHOOK_BYTES`).
    """
    settings = current_settings()
    request.max_content_length = max(settings.max_webhook_bytes, settings.max_body_bytes)
    return request.get_data(cache=True)
