"""OAuth 2: errors with RFC 6749's `error` beside the platform's problem fields, forms, and Basic credentials."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_plus

from heidi_common.problems import Problem


def form_request_body(required: str, *optional: str) -> dict[str, Any]:
    """Describe a form as an OpenAPI request body: the OAuth standards prescribe forms instead of JSON."""
    properties = {name: {"type": "string"} for name in (required, *optional)}
    schema = {"type": "object", "properties": properties, "required": [required]}
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


class OAuthError(Problem):
    """A problem with the members `error` and `error_description`, which OAuth clients expect (RFC 6749, 5.2)."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        headers = {"WWW-Authenticate": 'Basic realm="heidi"'} if status == 401 else {}
        super().__init__(detail, code=error, headers=headers | {"Pragma": "no-cache"})
        self.status = status  # type: ignore[misc]

    def body(self, *, instance: str | None, request_id: str | None) -> dict[str, Any]:
        problem = super().body(instance=instance, request_id=request_id)
        return problem | {"error": self.code, "error_description": self.detail}


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Read ID and secret from an `Authorization: Basic` header; None if it has another scheme or is malformed.

    Source: RFC 6749, 2.3.1: ID and secret are form-encoded before the Base64 encoding.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, separator, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:  # not base64, not ASCII, or not UTF-8 inside
        return None
    return (unquote_plus(name), unquote_plus(secret)) if separator else None
