"""The pages behind links in mails: confirm an address, set a new password. FRONTEND_URL puts others in their place."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Response

from heidi_common.pages import render_page

FOLDER = Path(__file__).parent
SCRIPT = (FOLDER / "script.js").read_text()
BODIES = {path.stem: path.read_text() for path in FOLDER.glob("*.html")}
WORDS = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "translations").glob("*.json")}
"""Language -> page -> what it says: another language is another file."""


def show(name: str) -> Response:
    """The page of that name, in the browser's language."""
    words = {language: said["everywhere"] | said[name] for language, said in WORDS.items()}
    return render_page(BODIES[name], words, script=SCRIPT)
