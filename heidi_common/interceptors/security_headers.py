"""Security headers of every response (the specification's Helmet)."""

from __future__ import annotations

from flask import Flask, Response

DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Added to a response that does not set them itself.

Source: OWASP Secure Headers Project; the policies are those of an API that serves no pages.
"""


def init_security_headers(app: Flask) -> None:
    """Add the default headers to every response of the app."""
    app.after_request(_add_defaults)


def _add_defaults(response: Response) -> Response:
    # Each look-up in werkzeug's headers walks through all of them: one walk collects all names.
    present = {name.lower() for name, _ in response.headers}
    response.headers.extend([(name, value) for name, value in DEFAULT_HEADERS.items() if name.lower() not in present])
    return response
