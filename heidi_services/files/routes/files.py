"""Upload, list, change and delete files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from heidi_common.database.pagination import Page
from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.conditional import etag, if_match, set_etag
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import authenticated, caller, guarded_user
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_common.runtime import current_settings
from heidi_services.files import schemas
from heidi_services.files.models import File
from heidi_services.files.routes.body_stream import FORM_BYTES, streamed_body
from heidi_services.files.service import files, queries, single_upload, usage
from heidi_services.files.upload_body import FormBody, UploadBody

FILE = "/api/v1/files/<uuid:file_id>"
readable = guarded_user(scopes=(Scope.FILES_READ,))
writable = guarded_user(scopes=(Scope.FILES_WRITE,))
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "name": {"type": "string"},
        "visibility": {"type": "string", "enum": ["PRIVATE", "LINK", "PUBLIC"]},
    },
}
BODY = {
    "description": "The file: as a part of a form, or as the body itself.",
    "content": {"multipart/form-data": {"schema": _FORM}, "*/*": {"schema": {}}},
}

blp = Blueprint("files", __name__, description="Files, their content and links")


@blp.route("/api/v1/files", methods=["POST"])
@writable
@blp.doc(requestBody=BODY)
@blp.arguments(schemas.UploadQuery, location="query")
@blp.response(201, schemas.FileOut)
def upload_file(query: dict[str, Any]) -> Any:
    """Upload a file. The fields `name` and `visibility` of a form take precedence over those of the query.

    413 if the file exceeds FILES_MAX_BYTES, or the quota of the owner (`quota_exceeded`).
    """
    owner_id = queries.owner_of_upload(caller(), query.get("user_id"))
    is_form = request.mimetype == "multipart/form-data"
    least_size = max(0, (request.content_length or 0) - (FORM_BYTES if is_form else 0))
    single_upload.require_acceptable(least_size)
    with streamed_body() as read:
        upload_body = (
            FormBody(read, request.content_type or "")
            if is_form
            else UploadBody(read, name=query.get("name"), content_type=request.content_type)
        )
        file = single_upload.store(owner_id, upload_body, reserved_bytes=least_size, visibility=query["visibility"])
    etag(file)
    return file, {"Location": f"/api/v1/files/{file.id}"}


@blp.route("/api/v1/files", methods=["GET"])
@readable
@blp.arguments(schemas.FileQuery, location="query")
@blp.response(200, schemas.FileOut(many=True))
def list_files(query: dict[str, Any]) -> Page:
    """List your files, newest first. An ADMIN gets those of all users; `userId` selects one user."""
    return queries.list_files(caller(), query)


@blp.route("/api/v1/files/usage", methods=["GET"])
@authenticated
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.UsageOut)
def get_usage() -> dict[str, int]:
    """Get how much you store. Files with equal content count once, and open uploads with their full size."""
    settings, stored = current_settings(), usage.stored_bytes(caller().id)
    values = {
        "stored_bytes": stored,
        "quota_bytes": settings.files_quota_bytes,
        "max_file_bytes": settings.files_max_bytes,
    }
    set_etag(f'"{"-".join(map(str, values.values()))}"')
    return values


@blp.route(FILE, methods=["GET"])
@readable
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.FileOut)
def get_file(file_id: UUID) -> File:
    """Get a file. `width` and `height` are those of an image, once its renditions have been created."""
    file = queries.get_visible(file_id, caller())
    etag(file)
    return file


@blp.route(FILE, methods=["PATCH"])
@writable
@documents(IF_MATCH)
@blp.arguments(schemas.FilePatch)
@blp.response(200, schemas.FileOut)
def change_file(body: dict[str, Any], file_id: UUID) -> File:
    """Change the name or the visibility of a file. While a file is PRIVATE, its links do not work."""
    file = files.update(file_id, caller(), body, if_match())
    etag(file)
    return file


@blp.route(FILE, methods=["DELETE"])
@writable
@documents(IF_MATCH)
@blp.response(204)
def delete_file(file_id: UUID) -> None:
    """Delete a file with its links."""
    files.delete(file_id, caller(), if_match())
