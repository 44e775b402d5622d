"""Domain errors. Services raise them; `interceptors/error_handlers.py` turns them into responses.

Source: RFC 9457 (Problem Details for HTTP APIs).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class FieldError:
    """An error in one field: its JSON pointer (`/email`, `/query/limit`) and what the field must be."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail}" if self.pointer else self.detail


class Problem(Exception):
    """An error response.

    Args:
        detail: A sentence for people: what the caller must do or provide. The title of the status by default.
        code: A stable identifier for programs. The code of the class by default.
        errors: The fields that are wrong.
        headers: Further response headers.
    """

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
        """The members of the JSON body. `instance` is the path of the request."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "instance": instance,
            "code": self.code,
            "requestId": request_id,
        }
        if self.errors:
            members["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in self.errors]
        return members


class BadRequest(Problem):
    status, code = 400, "bad_request"


class Unauthorized(Problem):
    """The caller is not authenticated. `error` is the error code of the WWW-Authenticate header.

    Source: RFC 6750, section 3.
    """

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
    """The input is well-formed but breaks a rule. `errors` has every wrong field; `detail` repeats the first three."""

    status, code = 422, "validation_failed"

    def __init__(self, errors: Iterable[FieldError], detail: str | None = None, *, code: str | None = None) -> None:
        all_errors = tuple(errors)
        super().__init__(detail or "; ".join(map(str, all_errors[:3])), code=code, errors=all_errors)

    @classmethod
    def field(cls, name: str, detail: str, *, code: str | None = None) -> Self:
        """An error in a single field: `Invalid.field("cronExpression", "...")`.

        Args:
            name: The field of the body, or a JSON pointer (`/header/If-Match`).
            detail: What the field must be.
            code: A stable identifier for programs; `validation_failed` by default.
        """
        return cls([FieldError(name if name.startswith("/") else f"/{name}", detail)], code=code)


class _RetryLater(Problem):
    """A problem with a Retry-After header, in seconds."""

    def __init__(self, detail: str | None = None, *, code: str | None = None, retry_after: int = 1) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after)})


class TooMany(_RetryLater):
    status, code = 429, "too_many_requests"


class Unavailable(_RetryLater):
    status, code = 503, "unavailable"


class InsufficientStorage(_RetryLater):
    """A change that the disk has no space for.

    Source: RFC 4918, section 11.5.
    """

    status, code = 507, "disk_full"
