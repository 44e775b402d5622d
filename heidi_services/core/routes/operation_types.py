"""The operations that can be requested, with the schemas of their inputs."""

from __future__ import annotations

from typing import Any

from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import tagged
from heidi_common.jwt.guards import guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.openapi.json_schema import json_schema
from heidi_common.operations.registry import OPERATIONS
from heidi_services.core.routes.blueprint import BASE, blp
from heidi_services.core.schemas import operations as schemas


@blp.route(f"{BASE}/operation-types", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@tagged
@blp.response(200, schemas.OperationTypeOut(many=True))
def list_operation_types() -> list[dict[str, Any]]:
    """List the operations that can be requested, with the JSON schema of each input."""
    return [
        {
            "type": name,
            "description": " ".join((kind.input.__doc__ or "").split()),
            "input": json_schema(kind.input()),
            "steps": [step.name for step in kind.steps],
            "scopes": sorted(kind.scopes),
        }
        for name, kind in OPERATIONS.items()
    ]
