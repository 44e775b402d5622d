"""Images of the API: renditions of files and avatars, as images of the console's own pages."""

from __future__ import annotations

from typing import Any

from flask import Response as FlaskResponse
from flask import request
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.api.problems import ApiProblem


def image(path: str, **params: Any) -> Response:
    """Send an image, which the browser keeps as long as its version is the current one.

    Pages may only load images from the console, so the API must not redirect it to S3.

    Args:
        path: The path of the image after `/api/v1`.
        params: The query.

    Raises:
        ApiProblem: The user may not see it. A status of 404 or 503 becomes the response: pages work without images.
    """
    try:
        response = calls.get(path, if_none_match=request.headers.get("If-None-Match"), redirect=False, **params)
    except ApiProblem as problem:
        if problem.status not in (404, 503):
            raise
        return FlaskResponse(status=problem.status, headers={"Cache-Control": "no-store"})
    if response.status == 304:
        return FlaskResponse(status=304)
    headers = {"Cache-Control": "private, no-cache"} | ({"ETag": response.etag} if response.etag else {})
    return FlaskResponse(response.content, mimetype="image/webp", headers=headers)
