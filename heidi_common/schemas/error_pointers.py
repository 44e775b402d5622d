"""The errors of marshmallow as errors of a request, with JSON pointers (RFC 6901)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heidi_common.problems import FieldError, Invalid


def invalid(messages: Any, pointer: str) -> Invalid:
    """Turn the errors of a schema that is applied to a part of the body into a problem.

    Args:
        messages: The `messages` of marshmallow's ValidationError.
        pointer: The JSON pointer of the part, such as `/config`; empty for the whole body.
    """
    return Invalid(flatten(messages, pointer))


def flatten(messages: Any, pointer: str) -> list[FieldError]:
    """Turn the nested messages of marshmallow into a flat list."""
    if isinstance(messages, Mapping):
        return [
            error
            for key, inner in messages.items()
            for error in flatten(inner, pointer if key == "_schema" else f"{pointer}/{escape(key)}")
        ]
    if isinstance(messages, list):
        return [error for inner in messages for error in flatten(inner, pointer)]
    return [FieldError(pointer, str(messages))]


def escape(key: object) -> str:
    """Write a name as a part of a JSON pointer."""
    text = str(key).replace("~", "~0").replace("/", "~1")
    return text.encode("ascii", "backslashreplace").decode()[:200]
