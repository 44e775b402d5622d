"""Rules about routes, their documents and the router in front of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from heidi_common.jwt.guards import guard_of

METHODS = ("get", "post", "put", "patch", "delete")
ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@dataclass(frozen=True)
class Operation:
    """One method of one path, as a service's document describes it."""

    service: str
    method: str
    path: str
    doc: Mapping[str, Any]

    @property
    def public(self) -> bool:
        return self.doc.get("security") == []

    @property
    def url(self) -> str:
        """The path with an id (or a word) in the place of each parameter."""
        return re.sub(r"\{(\w+)\}", lambda found: ID if found[1].endswith("id") else "x", self.path)

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The schema of the JSON body, when there is one."""
        content = self.doc.get("requestBody", {}).get("content", {})
        found: Mapping[str, Any] | None = content.get("application/json")
        return found

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def operations(documents: Mapping[str, Mapping[str, Any]]) -> list[Operation]:
    return [
        Operation(service, method, path, item[method])
        for service, document in documents.items()
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def unmarked(app: Flask) -> list[str]:
    """Routes that do not say who may call them."""
    return [rule.rule for rule in app.url_map.iter_rules() if guard_of(app.view_functions[rule.endpoint]) is None]


def undocumented(app: Flask, documents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Routes of the API that stand in no service's document."""
    known = {(found.method, found.path) for found in operations(documents)}
    return [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in sorted(rule.methods or ())
        if method.lower() in METHODS and (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)) not in known
    ]


def invalid(document: Mapping[str, Any]) -> list[str]:
    """What OpenAPI 3.1 does not allow."""
    if document.get("openapi", "")[:4] != "3.1.":
        return ["this is not OpenAPI 3.1"]
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in _errors(document)]


def _errors(document: Mapping[str, Any]) -> Iterator[Any]:
    return iter(OpenAPIV31SpecValidator(dict(document)).iter_errors())


def without_roles(operations: Iterable[Operation]) -> list[str]:
    """Operations that hide who may call them, or whose security says something else than their roles."""
    return [str(found) for found in operations if not _honest(found)]


def without_summary(operations: Iterable[Operation]) -> list[str]:
    """Operations of which Swagger UI says nothing but the path: their view has no docstring."""
    return [str(found) for found in operations if not str(found.doc.get("summary", "")).strip()]


def _honest(operation: Operation) -> bool:
    roles = operation.doc.get("x-roles")
    if roles is None or "security" not in operation.doc:
        return False
    return operation.public == (roles == ["PUBLIC"]) and bool(
        roles or "x-scopes" in operation.doc or _client(operation)
    )


def _client(operation: Operation) -> bool:
    """Routes for any machine name neither a role nor a scope."""
    return operation.path.endswith("/introspect")


@dataclass(frozen=True)
class Location:
    exact: bool
    pattern: str
    service: str

    def takes(self, path: str) -> bool:
        return path == self.pattern if self.exact else re.search(self.pattern, path) is not None


def locations(template: str) -> list[Location]:
    """The router's locations that lead to a service, in the order in which nginx tries them."""
    found = re.findall(r"location\s+(=|~)\s+(\S+)\s*\{[^{}]*?proxy_pass\s+http://(\w+);", template)
    return sorted((Location(kind == "=", pattern, to) for kind, pattern, to in found), key=lambda one: not one.exact)


def misrouted(paths: Mapping[str, str], locations: Iterable[Location]) -> list[str]:
    """Paths (path -> its service) that the router does not bring to their service; locations that nobody needs."""
    locations = list(locations)
    firsts = {path: next((one for one in locations if one.takes(path)), None) for path in paths}
    wrong = [
        f"{path} goes to {first.service if first else 'nobody'}"
        for path, first in firsts.items()
        if first is None or first.service != paths[path]
    ]
    return wrong + [f"nobody is behind {one.pattern}" for one in locations if one not in firsts.values()]
