"""Links to files for people without an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from heidi_common.database.pagination import Page
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_common.schemas.base import PageQuery
from heidi_services.files import schemas
from heidi_services.files.routes.content import CONTENT, respond
from heidi_services.files.routes.files import FILE, readable, writable
from heidi_services.files.service import downloads, links

blp = Blueprint("file-links", __name__, description="Links to files for people without an account")


@blp.route(f"{FILE}/links", methods=["POST"])
@writable
@blp.arguments(schemas.LinkIn)
@blp.response(201, schemas.LinkCreatedOut)
def create_link(body: dict[str, Any], file_id: UUID) -> dict[str, Any]:
    """Create a link with which anyone can download the file. A PRIVATE file becomes a LINK file.

    Only this response contains the URL, so `Idempotency-Key` is not supported.
    """
    created = links.create(file_id, caller(), expires_in=body["expires_in"], downloads=body["downloads"])
    return {name: getattr(created.link, name) for name in schemas.LinkOut().fields} | {"url": created.url}


@blp.route(f"{FILE}/links", methods=["GET"])
@readable
@blp.arguments(PageQuery, location="query")
@blp.response(200, schemas.LinkOut(many=True))
def list_links(query: dict[str, Any], file_id: UUID) -> Page:
    """List the links of a file, newest first, without their URLs."""
    return links.list_links(file_id, caller(), query)


@blp.route(f"{FILE}/links/<uuid:link_id>", methods=["DELETE"])
@writable
@blp.response(204)
def revoke_link(file_id: UUID, link_id: UUID) -> None:
    """Revoke a link."""
    links.revoke(file_id, link_id, caller())


@blp.route("/api/v1/files/links/<token>", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.doc(responses=CONTENT)
def follow_link(token: str) -> Response:
    """Download a file by a link. Each GET counts, also one of a range; HEAD does not."""
    file = links.use(token, counts=request.method == "GET")
    return respond(downloads.prepare(file, size=None, as_attachment=True))
