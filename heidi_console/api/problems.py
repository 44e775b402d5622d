"""The errors of the API, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WrongField:
    """A field that the API rejects: its JSON pointer, and what it must be."""

    pointer: str
    detail: str

    @property
    def name(self) -> str:
        """The field of the body: `content` for `/content`, `filter` for `/filter/role`."""
        return self.pointer.strip("/").partition("/")[0]


class ApiProblem(Exception):
    """The API has rejected a request.

    Args:
        status: The HTTP status.
        body: The problem document (RFC 9457); empty if the response is not one.
        retry_after: Seconds after which the request may be repeated, if the API says so.
    """

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: int | None = None) -> None:
        self.status = status
        self.code = str(body.get("code", "error"))
        self.detail = str(body.get("detail", ""))
        self.request_id = body.get("requestId")
        self.errors = [WrongField(str(e.get("pointer", "")), str(e.get("detail", ""))) for e in body.get("errors", ())]
        self.retry_after = retry_after
        self.ambiguous = False
        super().__init__(f"{status} {self.code}: {self.detail}")


class ApiUnavailable(ApiProblem):
    """A service did not respond.

    Args:
        service: The name of the service.
        ambiguous: Whether the request may have had its effect.
    """

    def __init__(self, service: str, *, ambiguous: bool) -> None:
        super().__init__(503, {"code": "unavailable", "detail": f"The service {service} did not respond."})
        self.service, self.ambiguous = service, ambiguous
