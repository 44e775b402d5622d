"""What protects the browser: security headers, CSRF tokens, and the check of the origin."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask_wtf.csrf import CSRFError, CSRFProtect

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def init_browser_security(app: Flask) -> None:
    """Register the checks and headers. The origin is checked first, then the token."""
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # the token ends with the session
    app.config["WTF_CSRF_SSL_STRICT"] = False  # `require_same_origin` checks the origin instead of the Referer
    app.before_request(require_same_origin)
    CSRFProtect(app)
    app.after_request(_add_headers)


def require_same_origin() -> None:
    """Require that an unsafe request was sent by a page of this site.

    Browsers send `Origin` with every POST, and `Sec-Fetch-Site` over HTTPS and to localhost.

    Raises:
        CSRFError: The request comes from another site.
    """
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise CSRFError("The request comes from another site.")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise CSRFError("The request comes from another site.")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "static" and "v" not in request.args:
        response.headers["Cache-Control"] = "no-cache"  # a module that is imported by another one
    elif request.endpoint == "static":
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    return response
