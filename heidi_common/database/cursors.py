"""Cursors of paginated lists: the position of a page's last row, signed so that clients cannot make one up."""

from __future__ import annotations

from datetime import datetime
from secrets import compare_digest
from typing import Any
from uuid import UUID

import orjson
from flask import has_request_context, request
from sqlalchemy.orm import InstrumentedAttribute

from heidi_common.crypto import base64url
from heidi_common.crypto.signed_values import value_signer
from heidi_common.problems import BadRequest, FieldError


def list_name(order: InstrumentedAttribute[Any], descending: bool) -> str:
    """Name the list of the current request, so that its cursors are not valid for another list or sort order.

    The name contains the path, which also tells the lists of two owners apart.
    """
    path = request.path.rstrip("/") if has_request_context() else ""
    return f"{path} {order.key}{'-' if descending else '+'}"


def encode(list_name: str, *position: Any) -> str:
    """Encode the values of the columns that a list is sorted by, taken from the last row of a page."""
    return _sign(base64url.encode(orjson.dumps([list_name, *position])))


def decode(cursor: str, list_name: str, *columns: InstrumentedAttribute[Any]) -> list[Any]:
    """Decode a cursor that `encode` has returned.

    Args:
        cursor: The text that the client sent.
        list_name: The name of the list that the client requested.
        columns: The columns of the values, which determine their types.

    Returns:
        The values, in the order of the columns.

    Raises:
        BadRequest: `bad_cursor`. The cursor was changed, or belongs to another list or sort order.
    """
    content = cursor.rpartition(".")[0]
    # Compare the whole text: decoding the signature from base64 would ignore characters that do not belong to it.
    if not compare_digest(_sign(content).encode(), cursor.encode(errors="replace")):
        raise _bad_cursor("Must be the `nextCursor` of a response, unchanged.")
    cursor_list, *values = orjson.loads(base64url.decode(content))
    if cursor_list != list_name:
        raise _bad_cursor("Belongs to another list or to another sort order.")
    return [_parse(value, column) for value, column in zip(values, columns, strict=True)]


def _sign(content: str) -> str:
    return value_signer("cursor").sign(content.encode(errors="replace")).decode()


def _bad_cursor(detail: str) -> BadRequest:
    error = FieldError("/query/cursor", detail)
    return BadRequest(str(error), code="bad_cursor", errors=[error])


def _parse(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    """Convert a JSON value to the Python type of the column."""
    python_type = column.type.python_type
    if python_type is datetime:
        return datetime.fromisoformat(value)
    return UUID(value) if python_type is UUID else value
