"""The HTTP side that routes see: a Blueprint that envelopes answers and documents guards, ETags, If-Match."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import flask_smorest
import marshmallow as ma
from flask import after_this_request, g, request
from werkzeug import Response

from heidi_common.database.models import Entity
from heidi_common.database.pagination import Page
from heidi_common.interceptors.validation import Parser, strict_query
from heidi_common.jwt.guards import guard_of
from heidi_common.openapi.headers import add_headers

View = Callable[..., Any]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Answers `{"data": ..., "meta": {...}}`; knows pages; puts every route's guard into OpenAPI."""

    ARGUMENTS_PARSER = Parser()

    if TYPE_CHECKING:  # flask-smorest has no types, and an untyped decorator would hide those of every view

        def route(self, rule: str, **options: Any) -> Callable[[View], View]: ...

        def doc(self, **members: Any) -> Callable[[View], View]: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._prepare_guard_doc)

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, *a: Any, **kw: Any) -> None:
        """Carry the guard and the like into the documentation before the route is stored; no route ignores a query."""
        if view_func is not None:
            view_func = strict_query(view_func)
            view_func._apidoc = {**getattr(view_func, "_apidoc", {}), "guard": guard_of(view_func)}
        super().add_url_rule(rule, endpoint, view_func, *a, **kw)

    def arguments(self, schema: Any, **kwargs: Any) -> Callable[[View], View]:
        """One instance for all requests: making a schema costs more than using it."""
        instance = schema() if isinstance(schema, type) else schema
        return super().arguments(instance, **kwargs)  # type: ignore[no-any-return]

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> Callable[[View], View]:
        decorate = super().response(status_code, schema, **kwargs)

        def decorator(view: View) -> View:
            @wraps(view)
            def unpack(*args: Any, **values: Any) -> Any:
                result = view(*args, **values)
                return open_page(result) if isinstance(result, Page) else result

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
        found = doc_info.get("guard")
        if found is not None:
            doc.update(found.describe())
        add_headers(doc, doc_info.get("request_headers", []))
        doc.setdefault("responses", {}).setdefault("default", "DEFAULT_ERROR")
        return doc


def enveloped(data: Any, meta: dict[str, Any] | None = None) -> dict[str, Any]:
    """The shape of every success; `meta` is deterministic, so that ETags are true."""
    return {"data": data, "meta": meta or {}}


@cache
def _envelope_schema(schema: type[ma.Schema], many: bool) -> type[ma.Schema]:
    """The documented envelope, one class for each schema, so that OpenAPI has one component for it."""
    name = schema.__name__.removesuffix("Out") + ("List" if many else "")
    members = {"data": ma.fields.Nested(schema, many=many, required=True), "meta": ma.fields.Dict(required=True)}
    return type(f"{name}Answer", (ma.Schema,), members)


def open_page(found: Page) -> list[Any]:
    """A page's items, with its meta and the Link header put beside them."""
    g.meta = found.meta
    if found.next_cursor is not None:
        query = [(k, v) for k, v in request.args.items(multi=True) if k != "cursor"]
        link = f'<{request.path}?{urlencode([*query, ("cursor", found.next_cursor)])}>; rel="next"'

        @after_this_request
        def add_link(response: Response) -> Response:
            response.headers["Link"] = link
            return response

    return found.items


class NotModified(Exception):
    """The client has this version already: 304."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def etag(entity: Entity) -> None:
    """Name this answer's version; a client that has it gets 304 instead of the body."""
    set_etag(f'"{entity.id.hex}.{entity.version}"')


def set_etag(tag: str) -> None:
    """The same for a tag of one's own (quoted). nginx's gzip makes it weak, so a `W/` in front is ignored."""
    if request.method in ("GET", "HEAD") and not {tag, "*"}.isdisjoint(_tags("If-None-Match")):
        raise NotModified(tag)

    @after_this_request
    def add_tag(response: Response) -> Response:
        if response.status_code < 300:
            response.headers["ETag"] = tag
        return response


def if_match() -> int | None:
    """The version that the client's If-Match names; None when it sent none (or `*`), -1 when it names no version.

    A tag of another entity names none, whatever its number says.
    """
    tags = _tags("If-Match")
    if not tags or "*" in tags:
        return None
    whose, _, version = tags[0].strip('"').rpartition(".")
    ids = {value.hex for value in (request.view_args or {}).values() if isinstance(value, UUID)}
    if (ids and whose not in ids) or not (version.isascii() and version.isdigit() and len(version) < 10):
        return -1
    return int(version)


def _tags(header: str) -> list[str]:
    raw = request.headers.get(header, "")
    return [part.strip().removeprefix("W/") for part in raw.split(",") if part.strip()]


def raw_body() -> bytes:
    """The body exactly as it came, for signatures."""
    return request.get_data(cache=True)
