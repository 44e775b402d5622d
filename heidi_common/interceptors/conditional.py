"""Conditional requests (RFC 9110): ETags, If-None-Match and If-Match."""

from __future__ import annotations

from uuid import UUID

from flask import after_this_request, request
from werkzeug import Response

from heidi_common.database.models import Entity


class NotModified(Exception):
    """The client has this version already: 304."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def etag(entity: Entity) -> None:
    """Name this answer's version; a client that has it gets 304 instead of the body."""
    set_etag(f'"{entity.id.hex}.{entity.version}"')


def set_etag(tag: str) -> None:
    """The same for a tag of one's own (quoted). nginx's gzip makes it weak, so a `W/` in front is ignored."""
    if request.method in ("GET", "HEAD") and not {tag, "*"}.isdisjoint(_tags("If-None-Match")):
        raise NotModified(tag)

    @after_this_request
    def add_tag(response: Response) -> Response:
        if response.status_code < 300:
            response.headers["ETag"] = tag
        return response


def if_match() -> int | None:
    """The version that the client's If-Match names; None when it sent none (or `*`), -1 when it names no version.

    A tag of another entity names none, whatever its number says.
    """
    tags = _tags("If-Match")
    if not tags or "*" in tags:
        return None
    whose, _, version = tags[0].strip('"').rpartition(".")
    ids = {value.hex for value in (request.view_args or {}).values() if isinstance(value, UUID)}
    if (ids and whose not in ids) or not (version.isascii() and version.isdigit() and len(version) < 10):
        return -1
    return int(version)


def _tags(header: str) -> list[str]:
    raw = request.headers.get(header, "")
    return [part.strip().removeprefix("W/") for part in raw.split(",") if part.strip()]
