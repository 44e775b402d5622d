"""The OAuth 2 corner: errors that carry RFC 6749's `error` word beside the platform's own shape."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_plus

from heidi_common.problems import Problem


def form_of(required: str, *optional: str) -> dict[str, Any]:
    """The OpenAPI request body of a form (OAuth's endpoints do not take JSON by their standards)."""
    properties = {name: {"type": "string"} for name in (required, *optional)}
    schema = {"type": "object", "properties": properties, "required": [required]}
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


class OAuthError(Problem):
    """A problem with the member `error`, as OAuth clients expect it."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        headers = {"WWW-Authenticate": 'Basic realm="heidi"'} if status == 401 else {}
        super().__init__(detail, code=error, headers=headers | {"Pragma": "no-cache"})
        self.status = status  # type: ignore[misc]

    def body(self, *, instance: str | None, request_id: str | None) -> dict[str, Any]:
        found = super().body(instance=instance, request_id=request_id)
        return found | {"error": self.code, "error_description": self.detail}


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Id and secret from an `Authorization: Basic` header (form-encoded inside, RFC 6749 2.3.1)."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, found, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:  # not base64, not ASCII, or not UTF-8 inside
        return None
    return (unquote_plus(name), unquote_plus(secret)) if found else None
