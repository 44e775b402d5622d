"""The text of an HTML document, for the plain part of an e-mail."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_HIDDEN = frozenset({"head", "script", "style", "template", "title"})
_PARAGRAPHS = frozenset(("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul"))
_BLOCKS = _PARAGRAPHS | {
    *("address", "article", "aside", "div", "dt", "dd", "fieldset", "figure", "footer", "form", "header", "li"),
    *("main", "nav", "section", "tr"),
}


def html_to_text(html: str) -> str:
    """Convert HTML to plain text with paragraphs, list items and the URLs of links."""
    reader = _TextReader()
    reader.feed(html)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _TextReader(HTMLParser):
    """Collects the text. Unknown and unclosed elements are tolerated, as browsers do."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "br":
            self._add("\n")
        elif tag == "a":
            self._links.append(values.get("href") or "")
        elif tag == "img":
            self._add(values.get("alt") or "")
        self._break(tag)
        if tag == "li":
            self._add("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a" and self._links:
            self._close_link(self._links.pop())
        elif tag in ("td", "th"):
            self._add(" ")
        self._break(tag)

    def handle_data(self, data: str) -> None:
        self._add(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._add("\n\n" if tag in _PARAGRAPHS else "\n")

    def _close_link(self, url: str) -> None:
        if url.startswith(("http://", "https://", "mailto:")) and url.removeprefix("mailto:") not in self.parts[-1:]:
            self._add(f" ({url})")

    def _add(self, text: str) -> None:
        if not self._hidden and text:
            self.parts.append(text)
