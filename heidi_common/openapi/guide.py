"""The guide: the documents in `docs/`, which are written in Markdown, as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = Path(__file__).resolve().parents[2] / "docs"
ORDER = (
    "getting-started",
    "guide",
    "api-conventions",
    "graphql",
    "realtime",
    "inbox",
    "clients",
    "events",
    "kafka",
    "files",
    "templates",
    "imports",
)
"""The pages that come first; the others follow by name."""
REPOSITORY_LINK = re.compile(r"^(\.\./|decisions/)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
MAX_TEXT = 400
"""Characters of a section that a search looks at, after its title."""


@dataclass(frozen=True)
class Section:
    """A part of a page, for searches."""

    page: str
    title: str
    url: str
    text: str


@dataclass(frozen=True)
class GuidePage:
    """A page of the guide.

    Attributes:
        name: The name of its file, without `.md`.
        title: Its first heading.
        about: The first sentence after the heading.
        html: The page.
        sections: Its parts.
    """

    name: str
    title: str
    about: str
    html: str
    sections: tuple[Section, ...]


@cache
def guide_pages() -> dict[str, GuidePage]:
    """Read all pages: name -> page. Empty where the documents are not installed."""
    names = {path.stem for path in FOLDER.glob("*.md")}
    ordered = [*(name for name in ORDER if name in names), *sorted(names - {*ORDER})]
    return {name: _read(name) for name in ordered}


def slug(title: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _read(name: str) -> GuidePage:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(COMMENT.sub("", (FOLDER / f"{name}.md").read_text()))
    sections = tuple(_sections(name, tokens))
    for token in tokens:
        _adapt(token)
    html = markdown.renderer.render(tokens, markdown.options, {})
    html = html.replace("<table>", '<div class="table" tabindex="0"><table>').replace("</table>", "</table></div>")
    first = sections[0]
    about = re.split(r"(?<=[.:])\s", first.text, maxsplit=1)[0].rstrip(":")
    return GuidePage(name, first.title, about, html, sections)


def _sections(name: str, tokens: list[Token]) -> Iterator[Section]:
    """Split a page at its headings, and give each an anchor."""
    page = title = url = ""
    texts: list[str] = []
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            if title:
                yield Section(page, title, url, " ".join(texts)[:MAX_TEXT])
            title, texts = _text(tokens[number + 1]), []
            page = page or title
            token.attrSet("id", slug(title))
            url = f"/docs/guide/{name}#{slug(title)}"
        elif token.type == "inline" and tokens[number - 1].type != "heading_open":
            texts.append(_text(token))
    if title:
        yield Section(page, title, url, " ".join(texts)[:MAX_TEXT])


def _text(token: Token) -> str:
    parts = (" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ())
    return "".join(parts)


def _adapt(token: Token) -> None:
    """Let links point to pages of the guide; those to files of the repository become plain text."""
    for child in token.children or ():
        target = str(child.attrGet("href") or "")
        if child.type == "link_open" and REPOSITORY_LINK.match(target):
            child.attrs = {"title": target}
        elif child.type == "link_open" and not target.startswith(("http:", "https:", "#")):
            child.attrSet("href", re.sub(r"\.md(?=#|$)", "", target))
