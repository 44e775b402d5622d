"""Small pages for people, where an installation has no frontend of its own: one frame, one style, one strict policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from flask import Response, render_template_string, request

FOLDER = Path(__file__).parent
FRAME = (FOLDER / "frame.html").read_text()
STYLE = (FOLDER / "style.css").read_text()

PageText = Mapping[str, Mapping[str, str]]
"""Language -> what the page says in it, by name; `title` among it."""


def render_page(body: str, words: PageText, *, script: str = "", **values: object) -> Response:
    """`body` (Jinja; `words` are those of the browser's language, else English) with `script` in the frame."""
    language = request.accept_languages.best_match(sorted(words)) or "en"
    source = FRAME.replace("<!-- body -->", body).replace("/* style */", STYLE).replace("/* script */", script)
    html = render_template_string(source, words=words[language], language=language, **values)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy(script)
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return response


def policy(script: str) -> str:
    """Nothing is loaded from anywhere; of what stands in the page only our style and script count, by their hash."""
    allowed = f"script-src {_hash(script)}; connect-src 'self'; " if script else ""
    rest = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return f"default-src 'none'; style-src {_hash(STYLE)}; {allowed}{rest}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
