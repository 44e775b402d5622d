"""What the documents of many operations say alike, about headers above all; it follows the code of each view."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
Describe = Callable[[dict[str, Any], str], None]
_FOLLOWED = ("heidi_services.", "heidi_common.interceptors.")


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "The same key and body gives the stored answer for 24 hours; the effect happens once.",
    minLength=1,
    maxLength=255,
)
IF_MATCH = _header("If-Match", "The `ETag` that a GET gave: 412 when somebody else was faster.")
IF_NONE_MATCH = _header("If-None-Match", "The `ETag` of what the client has: 304 when that is still the newest.")
SENDERS_OWN = {"description": "What the sender sends, as it signed it.", "content": {"*/*": {"schema": {}}}}
ETAG = {"description": "Names this version.", "schema": {"type": "string"}}


def described(describe: Describe) -> Callable[[Function], Function]:
    """Marks a function: the document of every view that calls it says so."""

    def mark(function: Function) -> Function:
        function.heidi_describe = describe  # type: ignore[attr-defined]
        return function

    return mark


def if_match(doc: dict[str, Any], _method: str) -> None:
    doc.setdefault("parameters", []).append(IF_MATCH)
    doc.setdefault("responses", {})["412"] = "PRECONDITION_FAILED"


def if_none_match(doc: dict[str, Any], method: str) -> None:
    if method == "get":
        doc.setdefault("parameters", []).append(IF_NONE_MATCH)
        responses = doc["responses"]
        responses["304"] = {"description": "The client has the newest.", "headers": {"ETag": ETAG}}
        for found in (answer for status, answer in responses.items() if str(status) == "200"):
            found["headers"] = {"ETag": ETAG}


def descriptions(view: Callable[..., Any]) -> set[Describe]:
    """Those of all marked functions that a view calls, itself or by a helper: no document forgets what code does."""
    found: set[Describe] = set()
    seen: set[FunctionType] = set()
    left = [inspect.unwrap(view)]
    while left:
        fresh = _functions(left.pop()) - seen
        seen |= fresh
        found |= {one.heidi_describe for one in fresh if hasattr(one, "heidi_describe")}
        left += [inspect.unwrap(one) for one in fresh if one.__module__.startswith(_FOLLOWED)]
    return found


def _functions(code: Any) -> set[FunctionType]:
    """The functions of its module that a function uses."""
    names = (step.argval for step in dis.get_instructions(code.__code__) if step.opname == "LOAD_GLOBAL")
    used = (code.__globals__.get(name) for name in names)
    return {one for one in used if isinstance(one, FunctionType)}
