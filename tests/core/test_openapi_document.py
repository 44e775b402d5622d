"""The OpenAPI document of all services."""

from __future__ import annotations

import json
import re
from collections import Counter

from flask.testing import FlaskClient

from heidi_common.openapi.combined import METHODS, combine_documents
from heidi_services import SERVICES
from tests.architecture import routing


def document(**schemas: object) -> dict[str, object]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "servers": [],
        "paths": {},
        "components": {"schemas": schemas, "securitySchemes": {}},
    }


def test_the_document_has_all_operations_and_is_valid(client: FlaskClient) -> None:
    response = client.get("/docs/openapi.json")
    assert response.status_code == 200
    combined = response.get_json()
    single = {name: client.get(f"/docs/{name}/openapi.json").get_json() for name in SERVICES}
    assert set(combined["paths"]) == {path for each in single.values() for path in each["paths"]}
    assert routing.invalid(combined) == []
    operations = [item for members in combined["paths"].values() for name, item in members.items() if name in METHODS]
    ids = Counter(operation["operationId"] for operation in operations)
    assert [name for name, count in ids.items() if count > 1] == []
    assert {"login", "sendNotification", "authEndSession", "usersEndSession"} <= ids.keys()
    components = combined["components"]
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(combined)):
        assert name in components[kind]


def test_a_component_that_differs_is_named_after_its_service() -> None:
    nested = {"$ref": "#/components/schemas/Item"}
    one = document(Item={"type": "string"}, Box={"items": nested}, Same={"type": "null"})
    two = document(Item={"type": "integer"}, Box={"items": nested}, Same={"type": "null"})
    schemas = combine_documents({"one": one, "two": two}, "")["components"]["schemas"]
    assert set(schemas) == {"One.Item", "Two.Item", "One.Box", "Two.Box", "Same"}
    assert schemas["Two.Box"] == {"items": {"$ref": "#/components/schemas/Two.Item"}}
