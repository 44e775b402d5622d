"""Conventions that hold for every response, and request bodies generated from the schemas of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from werkzeug.test import TestResponse

JSON = Mapping[str, Any]
ON_EVERY_RESPONSE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
PRESENT = ("X-Request-ID", "Cache-Control", "Server-Timing")
PROBLEM = {"type", "title", "status", "detail", "instance", "code", "requestId"}
BY_FORMAT = {
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "date-time": "2031-05-06T07:08:09Z",
    "date": "2031-05-06",
    "time": "07:08",
    "email": "peter@example.test",
    "uri": "https://example.test/",
    "url": "https://example.test/",
}


def violations(response: TestResponse) -> list[str]:
    """Return the violations of a response; a 5xx is always one."""
    violations = ["a 5xx"] if response.status_code >= 500 else []
    violations += [
        f"{name} is {response.headers.get(name)}"
        for name, value in ON_EVERY_RESPONSE.items()
        if response.headers.get(name) != value
    ]
    violations += [f"no {name}" for name in PRESENT if not response.headers.get(name)]
    return violations + (_problem_violations(response) if response.status_code >= 400 else [])


def _problem_violations(response: TestResponse) -> list[str]:
    if response.mimetype != "application/problem+json":
        return [f"an error of type {response.mimetype}"]
    body = response.get_json()
    wrong = [f"a problem without {name}" for name in sorted(PROBLEM - set(body))]
    wrong += ["status differs"] if body.get("status") != response.status_code else []
    wrong += ["requestId differs"] if body.get("requestId") != response.headers.get("X-Request-ID") else []
    wrong += ["stored by a cache"] if response.headers.get("Cache-Control") != "no-store" else []
    return wrong


def pointers(response: TestResponse) -> list[str]:
    return [error["pointer"] for error in (response.get_json() or {}).get("errors", [])]


class Samples:
    """Sample values that match the schemas of a document."""

    def __init__(self, document: JSON) -> None:
        self.document = document

    def of(self, schema: JSON) -> Any:
        schema = self.resolved(schema)
        if schema.get("enum"):
            return next(value for value in schema["enum"] if value is not None)
        kind = self.kind(schema)
        if kind == "object":
            return {name: self.of(inner) for name, inner in schema.get("properties", {}).items()}
        if kind == "array":
            return [self.of(schema.get("items", {}))] * max(1, schema.get("minItems", 1))
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        return {"boolean": True, "string": self._text(schema)}.get(kind, {})

    def strings(self, schema: JSON) -> Iterator[str]:
        """Yield the names of the fields of a body that take text."""
        yield from self.of_kind(schema, "string")

    def of_kind(self, schema: JSON, *kinds: str) -> Iterator[str]:
        """Yield the names of the fields of a body that have one of these types."""
        for name, inner in self.resolved(schema).get("properties", {}).items():
            if self.kind(self.resolved(inner)) in kinds:
                yield name

    def resolved(self, schema: JSON) -> JSON:
        """Follow references; of alternatives, take the first."""
        while True:
            if "$ref" in schema:
                schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            elif alternatives := schema.get("anyOf") or schema.get("allOf") or schema.get("oneOf"):
                schema = alternatives[0]
            else:
                return schema

    @staticmethod
    def kind(schema: JSON) -> str:
        kind = schema.get("type", "object" if "properties" in schema else "")
        return str(kind if isinstance(kind, str) else next(name for name in kind if name != "null"))

    @staticmethod
    def _text(schema: JSON) -> str:
        return BY_FORMAT.get(schema.get("format", ""), "a" * max(1, schema.get("minLength", 1)))
