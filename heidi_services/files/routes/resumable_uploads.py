"""Resumable uploads with the tus protocol, version 1.0.0.

Source: https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from flask import Response, current_app, request
from werkzeug.http import http_date

from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.guards import caller, public
from heidi_common.problems import Invalid
from heidi_common.runtime import current_settings
from heidi_services.files import schemas, tus
from heidi_services.files.enums import Visibility
from heidi_services.files.names import DEFAULT_NAME
from heidi_services.files.routes.body_stream import Incomplete, streamed_body
from heidi_services.files.routes.files import readable, writable
from heidi_services.files.service import queries, resumable_uploads
from heidi_services.files.service.upload_append import UploadProgress
from heidi_services.files.upload_body import UploadBody

UPLOADS = "/api/v1/files/uploads"
UPLOAD = f"{UPLOADS}/<uuid:upload_id>"


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    about = {"name": name, "in": "header", "description": description, "required": required}
    return about | {"schema": {"type": "string"}}


_RESUMABLE = _header("Tus-Resumable", f"`{tus.VERSION}`", required=True)
_LENGTH = _header("Upload-Length", "The size of the file in bytes.", required=True)
_OFFSET = _header("Upload-Offset", "Where the bytes belong.", required=True)
_METADATA = _header("Upload-Metadata", "`filename`, `filetype`, `visibility`, each with its value in base64.")
_CHECKSUM = _header("Upload-Checksum", f"The algorithm ({', '.join(tus.ALGORITHMS)}) and the digest in base64.")
_BYTES = {"description": "Bytes of the file.", "content": {tus.BODY_TYPE: {"schema": {}}}}

blp = Blueprint("file-uploads", __name__, description="Resumable uploads (tus 1.0.0)")


@blp.after_request  # type: ignore[untyped-decorator]
def _add_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = tus.VERSION
    return response


@blp.route(UPLOADS, methods=["OPTIONS"], provide_automatic_options=False)
@public
@blp.doc(responses={"204": {"description": "What is supported, in headers."}})
def describe_protocol() -> Response:
    """Describe what the server supports of the tus protocol."""
    response = current_app.response_class(status=204)
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Max-Size"] = str(current_settings().files_max_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)
    return response


@blp.route(UPLOADS, methods=["POST"])
@writable
@blp.doc(parameters=[_RESUMABLE, _LENGTH, _METADATA], responses={"201": {"description": "Created."}})
@blp.arguments(schemas.UploadQuery(only=("user_id",)), location="query")
def create_upload(query: dict[str, Any]) -> Response:
    """Create a resumable upload. `Location` is the URL for the bytes; the body may contain the first ones.

    When all bytes have arrived, a file with the same ID exists.
    """
    tus.require_version(request.headers.get("Tus-Resumable"))
    size = tus.natural_header("Upload-Length", request.headers.get("Upload-Length"))
    metadata = tus.parse_metadata(request.headers.get("Upload-Metadata"))
    visibility = metadata.get("visibility") or Visibility.PRIVATE.value
    if visibility not in [*Visibility]:
        raise Invalid.field("/header/Upload-Metadata", f"`visibility` must be one of: {', '.join(Visibility)}.")
    progress = resumable_uploads.create(
        queries.owner_of_upload(caller(), query.get("user_id")),
        size=size,
        name=metadata.get("filename") or metadata.get("name") or DEFAULT_NAME,
        content_type=metadata.get("filetype") or metadata.get("contentType"),
        visibility=visibility,
    )
    if request.content_type == tus.BODY_TYPE or not size:
        progress = _append(progress, 0)
    response = _response(201, progress)
    response.headers["Location"] = f"{UPLOADS}/{progress.id}"
    return response


@blp.route(UPLOAD, methods=["HEAD"])
@readable
def get_offset(upload_id: UUID) -> Response:
    """Get how much of an upload has arrived."""
    tus.require_version(request.headers.get("Tus-Resumable"))
    response = _response(200, resumable_uploads.get_progress(upload_id, caller()))
    response.headers["Cache-Control"] = "no-store"
    return response


@blp.route(UPLOAD, methods=["PATCH"])
@writable
@blp.doc(
    parameters=[_RESUMABLE, _OFFSET, _CHECKSUM],
    requestBody=_BYTES,
    responses={"204": {"description": "Stored."}},
)
def append_bytes(upload_id: UUID) -> Response:
    """Append bytes to an upload. 409 `wrong_offset` if they do not continue it, 460 if the checksum is wrong."""
    tus.require_version(request.headers.get("Tus-Resumable"))
    tus.require_body_type(request.content_type)
    offset = tus.natural_header("Upload-Offset", request.headers.get("Upload-Offset"))
    return _response(204, _append(resumable_uploads.get_progress(upload_id, caller()), offset))


@blp.route(UPLOAD, methods=["DELETE"])
@writable
@blp.doc(parameters=[_RESUMABLE], responses={"204": {"description": "Deleted."}})
def terminate_upload(upload_id: UUID) -> Response:
    """Delete an upload that is not complete, and what has arrived of it."""
    tus.require_version(request.headers.get("Tus-Resumable"))
    resumable_uploads.terminate(upload_id, caller())
    return current_app.response_class(status=204)


def _append(progress: UploadProgress, offset: int) -> UploadProgress:
    announced = request.headers.get("Upload-Checksum")
    checksum = tus.Checksum(announced) if announced else None
    size = request.content_length
    with streamed_body() as read:
        body = UploadBody(read).chunks()
        chunks = body if checksum else _until_broken(body)
        return resumable_uploads.append(progress, chunks, offset=offset, size=size, checksum=checksum)


def _until_broken(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What arrives until the connection breaks: the client continues behind it."""
    try:
        yield from chunks
    except Incomplete:
        return


def _response(status: int, progress: UploadProgress) -> Response:
    response = current_app.response_class(status=status)
    del response.headers["Content-Type"]
    response.headers["Upload-Offset"] = str(progress.offset)
    if request.method == "HEAD":
        response.headers["Upload-Length"] = str(progress.bytes)
    if progress.expires_at is not None:
        response.headers["Upload-Expires"] = http_date(progress.expires_at)
    return response
