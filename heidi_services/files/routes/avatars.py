"""The avatars of users, at URLs that stay the same when users replace them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.files import schemas
from heidi_services.files.enums import RenditionSize
from heidi_services.files.routes.content import CONTENT, optional_caller, respond
from heidi_services.files.routes.files import blp
from heidi_services.files.service import avatars, downloads


@blp.route("/api/v1/files/avatars/<uuid:user_id>", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.doc(responses=CONTENT)
@blp.arguments(schemas.AvatarQuery, location="query")
def get_avatar(query: dict[str, Any], user_id: UUID) -> Response:
    """Get the avatar of a user as a WebP image. Without a token, if the file of the avatar is PUBLIC.

    Otherwise the caller must be allowed to read the account: the user, staff, and machine clients with `files:read`.
    404 `no_avatar`; 503 `rendition_pending` until a worker has created the image. If files are stored in S3, the
    response is a redirection (302); `redirect=false` returns the image itself.
    """
    file = avatars.get_avatar(user_id, optional_caller())
    download = downloads.prepare(file, size=RenditionSize(query["size"]), as_attachment=False)
    return respond(download, redirects=query["redirect"])
