"""The request ID, which connects the log lines of a request and of the messages that it caused."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")  # nginx.conf.template has the same pattern


def request_id() -> str | None:
    """The ID of the current request, or of the request that caused the current message; None outside of both."""
    return _request_id.get()


@contextmanager
def bound_request_id(value: str | None) -> Iterator[str]:
    """Use a request ID for the block.

    Args:
        value: The ID from a header or message. If it is missing or malformed, a random one is used (32 hex digits).

    Yields:
        The ID that is used.
    """
    bound, token = bind_request_id(value)
    try:
        yield bound
    finally:
        unbind_request_id(token)


def bind_request_id(value: str | None) -> tuple[str, Token[str | None]]:
    """Use a request ID until `unbind_request_id`, where a block cannot be used.

    Args:
        value: As in `bound_request_id`.

    Returns:
        The ID that is used, and the token for `unbind_request_id`.
    """
    bound = value if value and _VALID.match(value) else secrets.token_hex(16)
    return bound, _request_id.set(bound)


def unbind_request_id(token: Token[str | None]) -> None:
    """Use the previous request ID again."""
    _request_id.reset(token)
