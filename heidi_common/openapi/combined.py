"""One OpenAPI document of all services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_KINDS = ("schemas", "responses", "parameters", "requestBodies", "headers")


def combine_documents(documents: Mapping[str, Document], about: str) -> Document:
    """Combine documents.

    A component that differs between services is named after its service too: `Notification.ListMeta`; and so is an
    operation whose ID another service also has: `usersEndSession`.

    Args:
        documents: Service -> its OpenAPI 3.1 document. They are not changed.
        about: The description of the whole.
    """
    first = next(iter(documents.values()))
    clashes = _clashes(documents)
    seen = Counter(operation["operationId"] for document in documents.values() for operation in _operations(document))
    repeated = {name for name, count in seen.items() if count > 1}
    result: Document = {
        "openapi": first["openapi"],
        "info": {"title": "Heidi", "version": first["info"]["version"], "description": about},
        "servers": first["servers"],
        "tags": [],
        "paths": {},
        "components": {"securitySchemes": first["components"]["securitySchemes"]},
    }
    for service, document in documents.items():
        renamed = _renamed(document, service, clashes)
        for operation in _operations(renamed):
            operation["x-service"] = service
            name = operation["operationId"]
            operation["operationId"] = f"{service}{name[0].upper()}{name[1:]}" if name in repeated else name
        result["paths"] |= renamed["paths"]
        result["tags"] += [tag for tag in renamed.get("tags", []) if tag not in result["tags"]]
        for kind in _KINDS:
            components = {
                _name(service, kind, name, clashes): component
                for name, component in renamed["components"].get(kind, {}).items()
            }
            if components:
                result["components"].setdefault(kind, {}).update(components)
    return result


def _operations(document: Document) -> Iterator[Document]:
    """The operations of all paths."""
    for members in document["paths"].values():
        yield from (member for name, member in members.items() if name in METHODS)


def _clashes(documents: Mapping[str, Document]) -> set[tuple[str, str]]:
    """The kinds and names of components that differ, or refer to one that differs."""
    clashes: set[tuple[str, str]] = set()
    while True:
        before = len(clashes)
        seen: dict[tuple[str, str], Any] = {}
        for document in documents.values():
            for kind in _KINDS:
                for name, component in document["components"].get(kind, {}).items():
                    if seen.setdefault((kind, name), component) != component or _refers(component, clashes):
                        clashes.add((kind, name))
        if len(clashes) == before:
            return clashes


def _refers(value: Any, clashes: set[tuple[str, str]]) -> bool:
    if isinstance(value, dict):
        return _target(value.get("$ref")) in clashes or any(_refers(item, clashes) for item in value.values())
    return isinstance(value, list) and any(_refers(item, clashes) for item in value)


def _target(reference: Any) -> tuple[str, str] | None:
    """The kind and name of a component: of `#/components/schemas/UserOut`."""
    if not isinstance(reference, str):
        return None
    kind, _, name = reference.removeprefix("#/components/").partition("/")
    return kind, name


def _name(service: str, kind: str, name: str, clashes: set[tuple[str, str]]) -> str:
    return f"{service.capitalize()}.{name}" if (kind, name) in clashes else name


def _renamed(value: Any, service: str, clashes: set[tuple[str, str]]) -> Any:
    """A copy whose references name the components of the whole."""
    if isinstance(value, list):
        return [_renamed(item, service, clashes) for item in value]
    if not isinstance(value, dict):
        return value
    target = _target(value.get("$ref"))
    if target in clashes and target is not None:
        return {**value, "$ref": f"#/components/{target[0]}/{_name(service, *target, clashes)}"}
    return {key: _renamed(item, service, clashes) for key, item in value.items()}
