"""The content of files: sent by the router if it can read the folder, by S3, or by this process."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Response, current_app, redirect, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.conditional import set_etag
from heidi_common.jwt.authentication import authenticate_if_present
from heidi_common.jwt.guards import Caller, public
from heidi_common.openapi.headers import ETAG, IF_NONE_MATCH, documents
from heidi_common.peers.signature import is_valid_peer
from heidi_common.problems import NotFound, Problem
from heidi_services.files import schemas
from heidi_services.files.enums import RenditionSize
from heidi_services.files.routes.files import FILE, blp
from heidi_services.files.service import downloads
from heidi_services.files.service.downloads import Download
from heidi_services.files.storage import storage

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; sandbox"
"""A page among the files can neither run scripts nor use the origin of the platform."""
ACCEL_LOCATION = "/_files"
"""The internal location of the router that sends files. It announces it with the header `X-Accel-Location`."""
PUBLIC_SECONDS = 300
CONTENT = {"200": {"description": "The content.", "headers": {"ETag": ETAG}, "content": {"*/*": {"schema": {}}}}}


class RangeNotSatisfiable(Problem):
    status, code = 416, "range_not_satisfiable"


@blp.route(f"{FILE}/content", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.doc(responses=CONTENT)
@blp.arguments(schemas.ContentQuery, location="query")
def get_content(query: dict[str, Any], file_id: UUID) -> Response:
    """Download a file, or with `size` a rendition of an image. A PUBLIC file needs no token.

    Supports `Range`. 409 `scanning`, 403 `quarantined`, 404 `no_rendition`, 503 `rendition_pending`. If files are
    stored in S3, the response is a redirection (302); `redirect=false` with `size` returns the rendition itself.
    """
    file = downloads.get_downloadable(file_id, optional_caller())
    download = downloads.prepare(file, size=_size(query), as_attachment=query["download"])
    return respond(download, redirects=query["redirect"])


def _size(query: dict[str, Any]) -> RenditionSize | None:
    return RenditionSize(query["size"]) if "size" in query else None


def optional_caller() -> Caller | None:
    """The caller, if the request has a token. An invalid token is rejected, as elsewhere.

    A machine client without the scope gets what requests without a token get.
    """
    caller = authenticate_if_present()
    may_read = caller is not None and (caller.kind == "user" or Scope.FILES_READ in caller.scopes)
    return caller if may_read else None


def respond(download: Download, *, redirects: bool = True) -> Response:
    """Send a download: status 200 or 206, or 302 to a URL.

    Args:
        download: What to send.
        redirects: Whether the client is sent to the bucket. Other services always get the content itself.
    """
    set_etag(download.tag)
    if isinstance(download.place, str) and (not redirects or is_valid_peer(request.headers)):
        response: Any = _read_from_bucket(download.key)
    elif isinstance(download.place, str):
        response = redirect(download.place)
    elif request.headers.get("X-Accel-Location") == ACCEL_LOCATION:
        response = _accelerated(download.place)
    else:
        response = _streamed(download.place, download.tag)
    response.headers["Content-Type"] = download.content_type
    response.headers["Content-Disposition"] = download.disposition
    response.headers["Content-Security-Policy"] = SANDBOX
    is_cacheable = download.is_public and response.status_code != 302
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_SECONDS}" if is_cacheable else "private, no-cache"
    if download.is_public:
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response  # type: ignore[no-any-return]


def _read_from_bucket(key: str) -> Response:
    """The first chunk is read before the response begins, so that a failure of the bucket is an error of it."""
    chunks = storage().read(key)
    first = next(chunks, b"")
    return current_app.response_class(chain([first], chunks))


def _accelerated(path: Path) -> Response:
    response = current_app.response_class()
    response.headers["X-Accel-Redirect"] = f"{ACCEL_LOCATION}/{path.parent.name}/{path.name}"
    return response


def _streamed(path: Path, tag: str) -> Response:
    try:
        response = send_file(path, mimetype="application/octet-stream", conditional=False, etag=False)
    except FileNotFoundError:
        raise NotFound("The content was deleted.") from None
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = tag  # `If-Range` is compared with it
    try:
        response.last_modified = None
        response.make_conditional(request, accept_ranges=True, complete_length=path.stat().st_size)
    except RequestedRangeNotSatisfiable as error:
        response.close()
        problem = RangeNotSatisfiable("The range is outside of the file.")
        problem.headers["Content-Range"] = f"bytes */{error.length}"
        raise problem from None
    return response
