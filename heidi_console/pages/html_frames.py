"""The HTML of an e-mail or template, shown in a frame of another page: without scripts, and with its own styles."""

from __future__ import annotations

from flask import Response, abort, request

from heidi_console.access import USER
from heidi_console.pages.area import Area
from heidi_console.session import html_frames

area = Area("html_frames", role=USER, prefix="/html")


@area.show("/<key>")
def show(key: str) -> Response:
    """The HTML. `sandbox` gives it a separate origin, also outside of the frame; images are loaded if asked for."""
    html = html_frames.load(key)
    if html is None:
        abort(404)
    images = "data: https: http:" if request.args.get("images") == "yes" else "data:"
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src {images}; form-action 'none'; base-uri 'none';"
        " frame-ancestors 'self'; sandbox"
    )
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": "no-referrer"}
    return Response(html, headers=headers, mimetype="text/html")
