"""Role x endpoint, generated from the OpenAPI documents: every cell must respond as the document says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_common.identity.scopes import Scope
from heidi_services import SERVICES

METHODS = ("get", "post", "put", "patch", "delete")
PERSONAS = ("anonymous", "USER", "MODERATOR", "ADMIN", "machine", "machine with scope", "machine with other scopes")


@dataclass(frozen=True)
class Operation:
    """One column: what a document says about an endpoint."""

    method: str
    path: str
    roles: frozenset[str]
    scopes: tuple[str, ...]
    body: bool = field(default=False)

    @property
    def url(self) -> str:
        """With IDs that do not exist, so that an admitted persona gets 404 and changes nothing."""
        return re.sub(r"{[^}]+}", lambda match: "WEBHOOK" if "provider" in match[0] else str(uuid4()), self.path)

    def admits(self, persona: str) -> bool:
        if persona == "machine with scope":
            return bool(self.scopes) or "MACHINE" in self.roles
        return persona in self.roles or (persona.startswith("machine") and "MACHINE" in self.roles)


def operations(client: FlaskClient, service: str) -> list[Operation]:
    document = client.get(f"/docs/{service}/openapi.json").json
    listed = []
    for path, item in document["paths"].items():
        for method, description in item.items():
            if method in METHODS:
                assert "x-roles" in description, (method, path)
                roles, scopes = frozenset(description["x-roles"]), tuple(description.get("x-scopes", ()))
                listed.append(Operation(method, path, roles, scopes))
    return listed


def call(client: FlaskClient, operation: Operation, headers: dict[str, str]) -> Any:
    kwargs: dict[str, Any] = {} if operation.method in ("get", "delete") else {"json": {}}
    response = client.open(operation.url, method=operation.method.upper(), headers=headers, buffered=False, **kwargs)
    response.close()
    return response


@pytest.fixture
def headers_of(
    as_user: Callable[..., Any], as_client: Callable[..., Any]
) -> Callable[[str, Operation], dict[str, str]]:
    def make(persona: str, operation: Operation) -> dict[str, str]:
        if persona == "anonymous":
            return {}
        if persona == "machine":
            return as_client("nothing:useful")
        if persona == "machine with scope":
            return as_client(operation.scopes[0] if operation.scopes else "nothing:useful")
        if persona == "machine with other scopes":
            return as_client(*(scope for scope in Scope if scope not in operation.scopes))
        return as_user(Role(persona)).headers

    return make


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_responds_to_each_role_as_documented(
    app: Flask, client: FlaskClient, headers_of: Callable[..., Any], service: str, persona: str
) -> None:
    documented = operations(client, service)
    assert documented
    for operation in documented:
        code = call(client, operation, headers_of(persona, operation)).status_code
        cell = (persona, operation.method, operation.path, code)
        if "PUBLIC" in operation.roles:
            assert code not in (403, 500), cell
        elif persona == "anonymous":
            assert code == 401, cell
        elif operation.admits(persona):
            assert code not in (401, 500), cell
            assert code != 403 or persona == "MODERATOR", cell  # moderators can read other users but not change them
        else:
            assert code == 403, cell


def test_every_api_route_is_documented(app: Flask, client: FlaskClient) -> None:
    documented = {
        (operation.method.upper(), operation.path) for service in SERVICES for operation in operations(client, service)
    }
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert (method, path) in documented, (method, path)


def test_each_scope_is_needed_by_a_documented_endpoint(app: Flask, client: FlaskClient) -> None:
    used = {scope for service in SERVICES for operation in operations(client, service) for scope in operation.scopes}
    assert used == set(Scope)
