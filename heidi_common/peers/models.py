"""A call to another service, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PeerRequest:
    """A call to another service.

    Args:
        service: The name of the service, a key of SERVICES.
        path: The path, such as `/api/v1/users/me`.
        params: The query.
        method: The HTTP method.
        json: The body.
        headers: Further headers, usually `caller_headers()`.
    """

    service: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    method: str = "GET"
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PeerResponse:
    """The result of a call. Without a response `status` is None; then `error` is the reason, and `ambiguous` is true if
    the service may have processed the request. `content` is the body as bytes, `body` as JSON."""

    status: int | None
    body: Any = None
    error: str | None = None
    latency_ms: float = 0.0
    ambiguous: bool = False
    content: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the service responded with success."""
        return self.status is not None and self.status < 300

    @property
    def data(self) -> Any:
        """`data` of the envelope; None for any other body."""
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def meta(self) -> dict[str, Any]:
        """`meta` of the envelope; empty for any other body."""
        return self.body.get("meta", {}) if isinstance(self.body, dict) else {}
