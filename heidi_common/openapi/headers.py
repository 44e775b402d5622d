"""Request headers that many operations share. A view declares those that it honors with `@documents`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "A unique value for this request. For 24 hours, the same request with the same key returns the stored response "
    "and has no further effect. A different request with this key is rejected (422), and so is a repetition while the "
    "first request is still in progress (409).",
    minLength=1,
    maxLength=255,
)
IF_MATCH = _header(
    "If-Match", "The `ETag` of the version to change: 412 if the resource has changed since that version."
)
IF_NONE_MATCH = _header("If-None-Match", "The `ETag` of the version that the client has: 304 if it is still current.")
LAST_EVENT_ID = _header(
    "Last-Event-ID",
    "The ID of the last event that the client has received: later ones are sent again. If it cannot be resumed from, "
    "the first event is `reset` with `reason` (`future`, `expired`, `unknown`), `requested` and `position`. 400 if it "
    "is not an ID.",
)
RAW_BODY = {
    "description": "The payload of the provider, exactly as the provider signed it.",
    "content": {"*/*": {"schema": {}}},
}
ETAG = {"description": "Identifies this version of the resource.", "schema": {"type": "string"}}


def documents(*headers: dict[str, Any]) -> Callable[[View], View]:
    """Declare request headers in the OpenAPI document of a view, with the responses that they lead to.

    It only declares: `etag()`, `if_match()` and the like read the headers. An architecture test fails if a view reads
    a header that it does not declare, or the other way round.

    Args:
        headers: `IF_MATCH` (adds 412), `IF_NONE_MATCH` (for GET: adds 304 and the `ETag` of 200),
            `LAST_EVENT_ID`. `@idempotent` declares `IDEMPOTENCY_KEY` itself.
    """

    def declare(view: View) -> View:
        apidoc = getattr(view, "_apidoc", {})
        declared = [*apidoc.get("request_headers", ()), *headers]
        view._apidoc = {**apidoc, "request_headers": declared}  # type: ignore[attr-defined]
        return view

    return declare


def add_headers(doc: dict[str, Any], headers: list[dict[str, Any]]) -> None:
    """Add declared request headers, and the responses that they lead to, to the document of an operation.

    Args:
        doc: The OpenAPI operation object, which is changed.
        headers: OpenAPI parameter objects, as `@documents` stores them.
    """
    if headers:
        doc.setdefault("parameters", []).extend(headers)
    if IF_MATCH in headers:
        doc.setdefault("responses", {})["412"] = "PRECONDITION_FAILED"
    if IF_NONE_MATCH in headers:
        _add_not_modified(doc["responses"])


def _add_not_modified(responses: dict[Any, Any]) -> None:
    responses["304"] = {"description": "The client has the current version.", "headers": {"ETag": ETAG}}
    for status, response in responses.items():
        if str(status) == "200":
            response["headers"] = {"ETag": ETAG}
