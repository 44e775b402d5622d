"""The pages that links in e-mails open: verify an address, set a new password. FRONTEND_URL replaces them."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Response

from heidi_common.pages import render_page

FOLDER = Path(__file__).parent
SCRIPT = (FOLDER / "script.js").read_text()
BODIES = {path.stem: path.read_text() for path in FOLDER.glob("*.html")}
TRANSLATIONS = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "translations").glob("*.json")}
"""Language -> page -> name -> text. To add a language, add a file."""


def render(name: str) -> Response:
    """Render a page in the browser's language.

    Args:
        name: Name of the page's HTML file, without its suffix.
    """
    translations = {language: texts["common"] | texts[name] for language, texts in TRANSLATIONS.items()}
    return render_page(BODIES[name], translations, script=SCRIPT)
