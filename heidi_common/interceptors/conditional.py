"""Conditional requests: ETag, If-None-Match and If-Match.

Source: RFC 9110, section 13.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import after_this_request, request
from werkzeug import Response

from heidi_common.database.models import Entity
from heidi_common.problems import PreconditionFailed

View = TypeVar("View", bound=Callable[..., Any])


class NotModified(Exception):
    """The client already has the current version; the response is 304."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def etag(entity: Entity) -> None:
    """Send the version of an entity as `ETag`.

    Raises:
        NotModified: The client has this version (GET and HEAD only).
    """
    set_etag(f'"{entity.id.hex}.{entity.version}"')


def set_etag(tag: str) -> None:
    """Send a tag as `ETag` of this response, if it is a success.

    Args:
        tag: The tag with its quotation marks. Weak tags of the client are accepted, because nginx weakens the tags of
            responses that it compresses.

    Raises:
        NotModified: The client has this version (GET and HEAD only).
    """
    if request.method in ("GET", "HEAD") and not {tag, "*"}.isdisjoint(_tags("If-None-Match")):
        raise NotModified(tag)

    @after_this_request
    def add_tag(response: Response) -> Response:
        if response.status_code < 300:
            response.headers["ETag"] = tag
        return response


def content_tag(content: bytes) -> str:
    """Return the tag, with quotation marks, of a resource without a version: a hash of its JSON."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def tagged(view: View) -> View:
    """Send a hash of the response as `ETag`: for a resource without a version, which is put together when it is read.

    Put it above `@blp.response`, with `@documents(IF_NONE_MATCH)`.
    """

    @wraps(view)
    def respond(*args: Any, **kwargs: Any) -> Any:
        response = view(*args, **kwargs)
        set_etag(content_tag(response.get_data()))
        return response

    return cast(View, respond)


def expect_content(content: bytes) -> None:
    """Reject a change if `If-Match` names another content than the current one.

    Raises:
        PreconditionFailed: The content has changed since the client read it.
    """
    tags = _tags("If-Match")
    if tags and {content_tag(content), "*"}.isdisjoint(tags):
        raise PreconditionFailed("The version in If-Match is out of date.")


def if_match() -> int | None:
    """Read the version that the client expects to change.

    Returns:
        The version; None without `If-Match` or for `*`; -1, which no entity has, for a tag that is malformed or
        belongs to another entity.
    """
    tags = _tags("If-Match")
    if not tags or "*" in tags:
        return None
    entity, _, version = tags[0].strip('"').rpartition(".")
    entity_id = entity.partition("-")[0]  # the tag of /auth/me says more
    ids = {value.hex for value in (request.view_args or {}).values() if isinstance(value, UUID)}
    if (ids and entity_id not in ids) or not (version.isascii() and version.isdigit() and len(version) < 10):
        return -1
    return int(version)


def _tags(header: str) -> list[str]:
    raw = request.headers.get(header, "")
    return [part.strip().removeprefix("W/") for part in raw.split(",") if part.strip()]
