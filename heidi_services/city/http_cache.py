"""Responses that shared caches and browsers may store: ETag, Cache-Control, 304, and the choice of GeoJSON."""

from typing import NamedTuple

from flask import Response, request

CACHE_CONTROL = "public, max-age=0, s-maxage=1"
"""Shared caches store a response for one second, so that most reads never reach Python. Browsers revalidate each time.

If browsers stored a response for a second too, a change could stay hidden for more than the promised two seconds.
"""
GEOJSON = "application/geo+json"


class CachedResponse(NamedTuple):
    """The body of a response, and its ETag without the quotes."""

    tag: str
    body: bytes


def prefers_geojson() -> bool:
    """Return whether the client prefers GeoJSON to JSON."""
    if "geo+json" not in request.headers.get("Accept", ""):
        return False
    return request.accept_mimetypes.best_match(["application/json", GEOJSON]) == GEOJSON


def cacheable_response(cached: CachedResponse, *, negotiated: bool = False) -> Response:
    """Build the HTTP response; 304 if the client has it already.

    Args:
        cached: The body and its ETag.
        negotiated: Whether the format depends on the Accept header.
    """
    if request.if_none_match.contains_weak(cached.tag):
        response = Response(status=304)
    else:
        mimetype = GEOJSON if negotiated and prefers_geojson() else "application/json"
        response = Response(cached.body, mimetype=mimetype)
    response.headers["ETag"] = f'"{cached.tag}"'
    response.headers["Cache-Control"] = CACHE_CONTROL
    if negotiated:
        response.headers["Vary"] = "Accept"
    return response
