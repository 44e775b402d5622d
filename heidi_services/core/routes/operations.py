"""Operations over several services."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.database.pagination import Page
from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import caller, guard
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.core.models import Operation
from heidi_services.core.routes.blueprint import BASE, blp
from heidi_services.core.schemas import operations as schemas
from heidi_services.core.service import operations


@blp.route(f"{BASE}/operations", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(schemas.OperationIn)
@blp.response(202, schemas.OperationOut)
def create_operation(body: dict[str, Any]) -> Operation:
    """Request an operation. It calls the services on behalf of the caller, who must still be an ADMIN at each step."""
    return operations.create(body["type"], body["input"], requested_by=caller().id)


@blp.route(f"{BASE}/operations", methods=["GET"])
@guard(Role.ADMIN)
@blp.arguments(schemas.OperationQuery, location="query")
@blp.response(200, schemas.OperationOut(many=True))
def list_operations(query: dict[str, Any]) -> Page:
    """List operations by type and status, newest first."""
    return operations.find(**query)


@blp.route(f"{BASE}/operations/<uuid:operation_id>", methods=["GET"])
@guard(Role.ADMIN)
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.OperationOut)
def get_operation(operation_id: UUID) -> Operation:
    """Show an operation with the result of each step, and which steps were undone."""
    operation = operations.get(operation_id)
    etag(operation)
    return operation
