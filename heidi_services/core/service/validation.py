"""Validation of the input of operations."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from heidi_common.operations.registry import OPERATIONS
from heidi_common.problems import FieldError, Invalid

JSON = dict[str, Any]


def validate_input(type: str, payload: JSON) -> JSON:
    """Validate the input of an operation.

    Returns:
        The input in wire form, with defaults filled in.

    Raises:
        KeyError: The type is unknown.
        Invalid: With one error for each invalid field; the pointers start with `/input`.
    """
    schema = OPERATIONS[type].input()
    try:
        validated: JSON = schema.dump(schema.load(payload))
    except ValidationError as error:
        raise Invalid(_field_errors(error.messages, "/input")) from None
    return validated


def _field_errors(messages: Any, pointer: str) -> list[FieldError]:
    if isinstance(messages, dict):
        return [error for name, inner in messages.items() for error in _field_errors(inner, f"{pointer}/{name}")]
    return [FieldError(pointer, str(message)) for message in messages]
