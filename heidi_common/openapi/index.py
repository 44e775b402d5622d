"""The documentation under `/docs/`: the start page with a search, and the guide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson
from flask import Blueprint, Response, render_template_string, send_from_directory

from heidi_common.jwt.guards import public
from heidi_common.openapi.guide import FOLDER, guide_pages
from heidi_common.openapi.swagger_ui import html_page
from heidi_common.problems import NotFound

TEMPLATES = Path(__file__).parent / "docs_pages"
FRAME, INDEX, PAGE = ((TEMPLATES / f"{name}.html").read_text() for name in ("frame", "index", "page"))
STYLE, SCRIPT = (TEMPLATES / "style.css").read_text(), (TEMPLATES / "search.js").read_text()


def index_blueprint(services: Mapping[str, str]) -> Blueprint:
    """The pages `/docs/` and `/docs/guide/<page>`. `services` maps names to titles."""
    blueprint = Blueprint("docs-index", __name__, url_prefix="/docs")

    @blueprint.get("/")
    @public
    def index() -> Response:
        return _framed("Heidi", INDEX, services=services, pages=guide_pages().values())

    @blueprint.get("/guide/<name>")
    @public
    def guide(name: str) -> Response:
        page = guide_pages().get(name)
        if page is None:
            raise NotFound("The guide has no such page.")
        return _framed(f"{page.title} - Heidi", PAGE, page=page, pages=guide_pages().values())

    @blueprint.get("/guide/search.json")
    @public
    def sections() -> Response:
        every = [section for page in guide_pages().values() for section in page.sections]
        return Response(orjson.dumps(every), mimetype="application/json", headers={"Cache-Control": "max-age=300"})

    @blueprint.get("/guide/images/<name>")
    @public
    def image(name: str) -> Response:
        return send_from_directory(FOLDER / "images", name, max_age=86400)

    return blueprint


def _framed(title: str, template: str, **values: object) -> Response:
    content = render_template_string(template, **values)
    return html_page(render_template_string(FRAME, title=title, content=content, style=STYLE, script=SCRIPT))
