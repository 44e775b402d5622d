"""The id of the request that is being served, or that caused the message being processed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")  # as the router has it


def request_id() -> str | None:
    """The id of the request (or of the message that it caused) that is being served, if any."""
    return _request_id.get()


@contextmanager
def bound_request_id(value: str | None) -> Iterator[str]:
    """Everything inside belongs to this request; an id that is not sane is replaced by a new one."""
    found = value if value and _SANE.match(value) else secrets.token_hex(16)
    token = _request_id.set(found)
    try:
        yield found
    finally:
        _request_id.reset(token)
