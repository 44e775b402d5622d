"""Files for web pages of others: `/sdk/inbox.js`, the web component `<heidi-inbox>`. The console uses the same file."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Response, request

INBOX = Path(__file__).parent / "inbox.js"
_YEAR = 31_536_000


@cache
def inbox_version() -> str:
    """A text that changes with the file, for a URL that browsers may keep."""
    return hashlib.sha256(INBOX.read_bytes()).hexdigest()[:12]


def inbox_response() -> Response:
    """The response with the file. Pages of every origin may load it: it holds no data."""
    response = Response(INBOX.read_bytes(), mimetype="text/javascript")
    is_current = request.args.get("v") == inbox_version()
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if is_current else "public, max-age=300"
    response.headers["Access-Control-Allow-Origin"] = "*"  # scripts of type `module` are loaded with CORS
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.set_etag(inbox_version())
    response.make_conditional(request)
    return response
