"""Cross-origin requests from the origins in CORS_ORIGINS.

Credentials (cookies) are not allowed, since clients send their tokens in a header.
"""

from __future__ import annotations

from flask import Flask, Response, request

from heidi_common.config.settings import Settings
from heidi_common.runtime import current_request

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_TUS = "Tus-Resumable, Upload-Length, Upload-Offset"
"""Headers of resumable uploads in both directions."""
REQUEST_HEADERS = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID, Last-Event-ID, "
    "traceparent, tracestate, "
    f"Range, If-Range, {_TUS}, Upload-Metadata, Upload-Checksum"
)
EXPOSED_HEADERS = (
    "ETag, Link, Retry-After, X-Request-ID, Idempotent-Replayed, RateLimit, RateLimit-Policy, X-Cache, Location, "
    f"Accept-Ranges, Content-Disposition, Content-Range, {_TUS}, Upload-Expires"
)


def init_cors(app: Flask, settings: Settings) -> None:
    """Respond to preflight requests, and allow the origins of CORS_ORIGINS."""
    origins = frozenset(settings.cors_origins)

    def allow_origin(response: Response) -> Response:
        _allow_origin(response, origins)
        return response

    app.before_request(_respond_to_preflight)
    if origins:
        app.after_request(allow_origin)


def _respond_to_preflight() -> Response | None:
    current = current_request()
    return Response(status=204) if current.method == "OPTIONS" and "Origin" in current.headers else None


def _allow_origin(response: Response, origins: frozenset[str]) -> None:
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
