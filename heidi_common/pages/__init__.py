"""HTML pages for end users of installations without a frontend (FRONTEND_URL), such as e-mail verification.

`render_page` puts a body into frame.html with style.css, in the language of the browser, under a strict
Content-Security-Policy.
"""

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
"""Language -> the texts of a page by name. `title` is required."""


def render_page(body: str, translations: PageText, *, script: str = "", **values: object) -> Response:
    """Render a page.

    Args:
        body: The Jinja template of the page's content. It uses `words.<name>` and `values`.
        translations: The texts in all languages. `Accept-Language` selects one; the default is English.
        script: JavaScript for the page.
        values: Further variables of the template.
    """
    language = request.accept_languages.best_match(sorted(translations)) or "en"
    source = FRAME.replace("<!-- body -->", body).replace("/* style */", STYLE).replace("/* script */", script)
    html = render_template_string(source, words=translations[language], language=language, **values)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy(script)
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return response


def policy(script: str) -> str:
    """The Content-Security-Policy: nothing is loaded; only this style and script run, identified by their hashes."""
    allowed = f"script-src {_hash(script)}; connect-src 'self'; " if script else ""
    rest = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return f"default-src 'none'; style-src {_hash(STYLE)}; {allowed}{rest}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
