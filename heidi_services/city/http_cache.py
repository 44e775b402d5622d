"""Public answers that caches may keep: ETag, Cache-Control, 304, and the choice of GeoJSON."""

from flask import Response, request

from heidi_services.city.service.response_cache import Answer

CACHE_CONTROL = "public, max-age=0, s-maxage=1"
"""Shared caches keep an answer for a second, so that a hot read costs no Python; browsers ask each time and get 304.
A browser's own second on top of nginx's would let a change stay hidden for more than two."""
GEOJSON = "application/geo+json"


def wants_geojson() -> bool:
    """Whether the client likes GeoJSON better than JSON."""
    if "geo+json" not in request.headers.get("Accept", ""):
        return False
    return request.accept_mimetypes.best_match(["application/json", GEOJSON]) == GEOJSON


def answered(answer: Answer, *, negotiated: bool = False) -> Response:
    """The answer for the wire; 304 when the client has it. `negotiated`: the form depended on Accept."""
    if request.if_none_match.contains_weak(answer.tag):
        response = Response(status=304)
    else:
        mimetype = GEOJSON if negotiated and wants_geojson() else "application/json"
        response = Response(answer.body, mimetype=mimetype)
    response.headers["ETag"] = f'"{answer.tag}"'
    response.headers["Cache-Control"] = CACHE_CONTROL
    if negotiated:
        response.headers["Vary"] = "Accept"
    return response
