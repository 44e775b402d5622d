"""Domain errors and their RFC 9457 answers: raise what went wrong, HTTP picks the number here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class FieldError:
    """One wrong field: a JSON pointer (`/email`, `/query/limit`) and what is wrong with it."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail}" if self.pointer else self.detail


class Problem(Exception):
    """An answer that is not a success. `code` is a stable word for programs, `detail` is for people."""

    status: ClassVar[int] = 500
    code: str = "internal_error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: Iterable[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.code = code or self.code
        self.errors = tuple(errors)
        self.headers = headers or {}

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    def body(self, *, instance: str | None, request_id: str | None) -> dict[str, Any]:
        """The RFC 9457 object."""
        found: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "instance": instance,
            "code": self.code,
            "requestId": request_id,
        }
        if self.errors:
            found["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in self.errors]
        return found


class BadRequest(Problem):
    status, code = 400, "bad_request"


class Unauthorized(Problem):
    """401 always tells how to authenticate (RFC 6750)."""

    status, code = 401, "unauthorized"

    def __init__(self, detail: str | None = None, *, code: str | None = None, error: str | None = None) -> None:
        challenge = f'Bearer error="{error}"' if error else "Bearer"
        super().__init__(detail, code=code or error, headers={"WWW-Authenticate": challenge})


class Forbidden(Problem):
    status, code = 403, "forbidden"


class NotFound(Problem):
    status, code = 404, "not_found"


class MethodNotAllowed(Problem):
    status, code = 405, "method_not_allowed"


class NotAcceptable(Problem):
    status, code = 406, "not_acceptable"


class Conflict(Problem):
    status, code = 409, "conflict"


class PreconditionFailed(Problem):
    status, code = 412, "stale"


class TooLarge(Problem):
    status, code = 413, "too_large"


class UnsupportedMediaType(Problem):
    status, code = 415, "unsupported_media_type"


class Invalid(Problem):
    """Well-formed input that breaks a rule; names every wrong field."""

    status, code = 422, "validation_failed"

    def __init__(self, errors: Iterable[FieldError], detail: str | None = None, *, code: str | None = None) -> None:
        found = tuple(errors)
        super().__init__(detail or "; ".join(map(str, found[:3])), code=code, errors=found)

    @classmethod
    def field(cls, name: str, detail: str, *, code: str | None = None) -> Self:
        """`Invalid.field("cronExpression", "...")`; a name with a slash is taken as a pointer."""
        return cls([FieldError(name if name.startswith("/") else f"/{name}", detail)], code=code)


class _RetryLater(Problem):
    """An answer that says when to come again."""

    def __init__(self, detail: str | None = None, *, code: str | None = None, retry_after: int = 1) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after)})


class TooMany(_RetryLater):
    status, code = 429, "too_many_requests"


class Unavailable(_RetryLater):
    status, code = 503, "unavailable"
