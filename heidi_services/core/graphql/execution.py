"""From a request to its response. Nothing that a client sends raises: errors are in the response."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, GraphQLError, get_operation_ast
from strawberry.types import ExecutionResult

from heidi_services.core.graphql import documents, limits
from heidi_services.core.graphql.errors import rejection
from heidi_services.core.graphql.loading import Services
from heidi_services.core.graphql.schema import is_defect, paged_fields, platform_schema

Body = dict[str, Any]
_PREPARE_SECONDS = 60.0


def execute(request: Body, headers: Mapping[str, str], deadline: float, *, may_keep: bool) -> Body:
    """Execute a query or a mutation.

    Args:
        request: `query`, `document_id`, `operation_name`, `variables`, `extensions`; each may be missing or None.
        headers: The headers that pass the caller on to the services.
        deadline: When the response must be ready, in seconds of `time.monotonic()`.
        may_keep: Whether the caller may keep documents by their hash.

    Returns:
        The body of the response: `data` and `errors`. Without `data` nothing was executed.
    """
    try:
        text = _text(request)
        document = _checked(text, request)
        result = asyncio.run(_run(text, request, Services(headers, deadline, document)))
    except GraphQLError as error:
        return {"errors": [error.formatted]}
    digest = documents.hash_of(request)
    if digest and may_keep and request.get("query") and result.data is not None:
        documents.keep(text, digest)
    return _body(result)


def prepare() -> None:
    """Do what the first request would wait for: build the schema, and execute a query for the first time."""
    execute({"query": "{ __typename }"}, {}, time.monotonic() + _PREPARE_SECONDS, may_keep=False)


def _text(request: Body) -> str:
    text, digest = request.get("query"), documents.hash_of(request)
    if text and digest:
        documents.check_hash(text, digest)
    if not text and not digest:
        raise rejection("no_document", "Send `query`, or `documentId` (`sha256:` and the hash of a kept document).")
    return text or documents.find(str(digest))


def _checked(text: str, request: Body) -> DocumentNode:
    try:
        document = limits.read_document(text)
        limits.check(document, paged_fields(), request.get("variables") or {})
    except RecursionError:
        raise rejection("too_deep", "The document is nested too deeply.") from None
    if get_operation_ast(document, request.get("operation_name")) is None:
        raise rejection("no_operation", "`operationName` must name an operation of the document if it has several.")
    return document


async def _run(text: str, request: Body, services: Services) -> ExecutionResult:
    running = platform_schema().execute(
        text,
        variable_values=request.get("variables") or {},
        context_value=services,
        operation_name=request.get("operation_name"),
    )
    try:
        return await asyncio.wait_for(running, max(0.1, services.deadline - time.monotonic()))
    except TimeoutError:
        raise rejection("time_limit", "The request exceeded its time limit. Request less data.") from None


def _body(result: ExecutionResult) -> Body:
    body: Body = {} if result.data is None and _was_rejected(result) else {"data": result.data}
    return body | ({"errors": [_shown(error) for error in result.errors]} if result.errors else {})


def _was_rejected(result: ExecutionResult) -> bool:
    """Whether nothing was executed. Errors of fields have a path."""
    return all(error.path is None for error in result.errors or ())


def _shown(error: GraphQLError) -> Any:
    if not is_defect(error):
        return error.formatted
    masked = GraphQLError("An unexpected error occurred.", error.nodes, path=error.path)
    return {**masked.formatted, "extensions": {"code": "internal_error"}}
