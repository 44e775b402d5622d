"""Rules about routes, their OpenAPI documents and the router in front of the services."""

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
class Endpoint:
    """A method of a path, as the document of a service describes it."""

    service: str
    method: str
    path: str
    doc: Mapping[str, Any]

    @property
    def public(self) -> bool:
        return self.doc.get("security") == []

    @property
    def url(self) -> str:
        """The path with an ID (or a word) in place of each parameter."""
        return re.sub(r"\{(\w+)\}", lambda match: ID if match[1].endswith("id") else "x", self.path)

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The media type object of the JSON body, or None."""
        content = self.doc.get("requestBody", {}).get("content", {})
        body: Mapping[str, Any] | None = content.get("application/json")
        return body

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def endpoints(documents: Mapping[str, Mapping[str, Any]]) -> list[Endpoint]:
    return [
        Endpoint(service, method, path, item[method])
        for service, document in documents.items()
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def is_stream(endpoint: Endpoint) -> bool:
    """Whether the endpoint responds with Server-Sent Events, which are resumed after `Last-Event-ID`."""
    return any(parameter.get("name") == "Last-Event-ID" for parameter in endpoint.doc.get("parameters", ()))


def unmarked(app: Flask) -> list[str]:
    """Find the routes that do not declare who may call them."""
    return [rule.rule for rule in app.url_map.iter_rules() if guard_of(app.view_functions[rule.endpoint]) is None]


def undocumented(app: Flask, documents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Find the routes of the API that no document describes."""
    known = {(endpoint.method, endpoint.path) for endpoint in endpoints(documents)}
    return [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in sorted(rule.methods or ())
        if method.lower() in METHODS and (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)) not in known
    ]


def invalid(document: Mapping[str, Any]) -> list[str]:
    """Return the violations of OpenAPI 3.1."""
    if document.get("openapi", "")[:4] != "3.1.":
        return ["is not OpenAPI 3.1"]
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in _errors(document)]


def _errors(document: Mapping[str, Any]) -> Iterator[Any]:
    return iter(OpenAPIV31SpecValidator(dict(document)).iter_errors())


def without_roles(endpoints: Iterable[Endpoint]) -> list[str]:
    """Find the endpoints that do not document who may call them, or whose security contradicts their roles."""
    return [str(endpoint) for endpoint in endpoints if not _documents_roles(endpoint)]


def without_summary(endpoints: Iterable[Endpoint]) -> list[str]:
    """Find the endpoints without a summary, because their view has no docstring."""
    return [str(endpoint) for endpoint in endpoints if not str(endpoint.doc.get("summary", "")).strip()]


def _documents_roles(endpoint: Endpoint) -> bool:
    roles = endpoint.doc.get("x-roles")
    if roles is None or "security" not in endpoint.doc:
        return False
    return endpoint.public == (roles == ["PUBLIC"]) and bool(
        roles or "x-scopes" in endpoint.doc or _is_for_any_client(endpoint)
    )


def _is_for_any_client(endpoint: Endpoint) -> bool:
    """Endpoints for any machine client have neither roles nor scopes."""
    return endpoint.path.endswith("/introspect")


@dataclass(frozen=True)
class Location:
    """A location of the router that proxies to a service."""

    exact: bool
    pattern: str
    service: str

    def matches(self, path: str) -> bool:
        return path == self.pattern if self.exact else re.search(self.pattern, path) is not None


def locations(template: str) -> list[Location]:
    """Parse the locations of the router that proxy to a service, in the order in which nginx tries them."""
    blocks = re.findall(r"location\s+(=|~)\s+(\S+)\s*\{[^{}]*?proxy_pass\s+http://(\w+);", template)
    return sorted((Location(kind == "=", *rest) for kind, *rest in blocks), key=lambda location: not location.exact)


def misrouted(paths: Mapping[str, str], locations: Iterable[Location]) -> list[str]:
    """Find the paths that the router sends to the wrong service, and the locations that no path needs.

    Args:
        paths: Path -> the service that serves it.
        locations: In the order in which nginx tries them.
    """
    locations = list(locations)
    firsts = {path: next((location for location in locations if location.matches(path)), None) for path in paths}
    wrong = [
        f"{path} is sent to {first.service if first else 'no service'}"
        for path, first in firsts.items()
        if first is None or first.service != paths[path]
    ]
    return wrong + [f"{location.pattern} is not used" for location in locations if location not in firsts.values()]
