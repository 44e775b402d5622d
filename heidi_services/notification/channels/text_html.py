"""Plain text as an HTML document, with clickable links."""

from __future__ import annotations

import html
import re

_URL = re.compile(r"https?://[^\s<>\"]+")
_TRAILING = re.compile(r"[.,;:!?'*_~\u2019\u201d\u00bb\u3002\u3001\uff0c\uff01\uff1f]+$")
"""Characters that end a sentence or a quotation rather than a URL."""
_PAIRS = {")": "(", "]": "[", "}": "{", "\uff09": "\uff08", "\u300d": "\u300c"}


def text_to_html(text: str, *, title: str = "", lang: str = "") -> str:
    """Convert plain text to an HTML document with paragraphs and clickable links.

    Args:
        text: The text. An empty line separates paragraphs.
        title: The document's title, such as the subject.
        lang: The text's language as a BCP 47 tag; empty: unknown.
    """
    paragraphs = re.split(r"\n\s*\n", text.strip())
    body = "\n".join(f"<p>{_linkify(paragraph)}</p>" for paragraph in paragraphs)
    language = f' lang="{html.escape(lang)}"' if lang else ""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    return f"<!doctype html>\n<html{language}><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def trim_url(text: str) -> str:
    """Return the URL that the text starts with, without the punctuation of the sentence around it.

    A closing bracket belongs to the URL only if the URL contains the opening one.
    """
    while text:
        trimmed = _TRAILING.sub("", text)
        last = trimmed[-1:]
        if last in _PAIRS and trimmed.count(last) > trimmed.count(_PAIRS[last]):
            trimmed = trimmed[:-1]
        if trimmed == text:
            break
        text = trimmed
    return text


def _linkify(text: str) -> str:
    parts, position = [], 0
    for match in _URL.finditer(text):
        url = trim_url(match[0])
        if url.endswith("//"):
            continue
        parts += [html.escape(text[position : match.start()]), _link(html.escape(url))]
        position = match.start() + len(url)
    return "".join([*parts, html.escape(text[position:])]).replace("\n", "<br>\n")


def _link(url: str) -> str:
    return f'<a href="{url}">{url}</a>'
