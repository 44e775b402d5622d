"""Reading what comes in: strict JSON, strict query strings, and errors that point at the field."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

import flask
import marshmallow as ma
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from heidi_common.problems import BadRequest, FieldError, Invalid, UnsupportedMediaType
from heidi_common.schemas.base import UNKNOWN

View = TypeVar("View", bound=Callable[..., Any])
INT64 = 2**63


class Parser(FlaskParser):
    """webargs with our answers: 400 malformed, 415 not JSON, 422 with a JSON pointer for every wrong field."""

    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION)
    """None everywhere: the schema's own `unknown = RAISE` holds for queries, too."""

    def load_json(self, req: flask.Request, schema: ma.Schema) -> Any:
        body = req.get_data(cache=True)
        if not body and not req.content_type:
            return {}
        if not req.is_json:
            raise UnsupportedMediaType("Send the body as application/json.")
        return read_json(body) if body else missing

    def load_querystring(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Most requests have none. A value that is given twice is refused: nobody knows which one is meant."""
        if not req.query_string:
            return {}
        found = self._makeproxy(req.args, schema)
        twice = [name for name, values in req.args.lists() if len(values) > 1 and name not in found.multiple_keys]
        if twice:
            raise _wrong_query(twice, "This parameter is given more than once.")
        return found

    def handle_error(
        self, error: ma.ValidationError, req: flask.Request, schema: ma.Schema, **_options: Any
    ) -> NoReturn:
        messages = error.messages if isinstance(error.messages, dict) else {"json": error.messages}
        raise Invalid(found for location, inner in messages.items() for found in _flatten(inner, _root(location)))


def any_query(view: View) -> View:
    """For doors whose callers add parameters of their own (providers, mail programs, OAuth clients)."""
    view.heidi_any_query = True  # type: ignore[attr-defined]
    return view


def strict_query(view: View) -> View:
    """A view that declares no query takes none: what is not known is refused there, too, naming it."""
    declared = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
    if hasattr(view, "heidi_any_query") or any(one["in"] == "query" for one in declared):
        return view

    @wraps(view)
    def strict(*args: Any, **values: Any) -> Any:
        if flask.request.query_string and flask.request.args:
            raise _wrong_query(flask.request.args, UNKNOWN)
        return view(*args, **values)

    return cast(View, strict)


def _wrong_query(names: Iterable[str], detail: str) -> Invalid:
    return Invalid(FieldError(f"/query/{_escape(name)}", detail) for name in names)


def read_json(body: bytes) -> Any:
    """Strict JSON: no NaN or Infinity, no duplicate keys, no numbers that overflow, no absurd depth."""
    try:
        return _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _NotStrict) else "The body is not well-formed JSON."
        raise BadRequest(reason, code="malformed_json") from None


class _NotStrict(ValueError):
    """JSON that the grammar permits and we do not."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotStrict("A key stands twice in one JSON object.")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotStrict("A number is too large.")
    return value


def _bounded(text: str) -> int:
    if len(text) > 20 or not -INT64 <= int(text) < INT64:
        raise _NotStrict("A whole number is outside 64 bits.")
    return int(text)


def _refuse(name: str) -> NoReturn:
    raise _NotStrict(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_int=_bounded, parse_constant=_refuse)


def invalid(messages: Any, pointer: str) -> Invalid:
    """The same refusal for a part of the body that is read later, by a schema of its own."""
    return Invalid(_flatten(messages, pointer))


def _root(location: str) -> str:
    return "" if location == "json" else f"/{location.replace('querystring', 'query')}"


def _flatten(messages: Any, pointer: str) -> list[FieldError]:
    """marshmallow's nested messages as a flat list of JSON pointers (RFC 6901)."""
    if isinstance(messages, Mapping):
        return [
            found
            for key, inner in messages.items()
            for found in _flatten(inner, pointer if key == "_schema" else f"{pointer}/{_escape(key)}")
        ]
    if isinstance(messages, list):
        return [found for inner in messages for found in _flatten(inner, pointer)]
    return [FieldError(pointer, str(messages))]


def _escape(key: object) -> str:
    text = str(key).replace("~", "~0").replace("/", "~1")
    return text.encode("ascii", "backslashreplace").decode()[:200]
