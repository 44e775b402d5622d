"""Media types: what a file is by its content, and what a browser may do with it."""

from __future__ import annotations

import codecs
import re

import filetype

BINARY = "application/octet-stream"
RENDERABLE = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""Images of which renditions are created."""
_INLINE = re.compile(r"(image/(jpeg|png|gif|webp|avif|apng|bmp)|(audio|video)/[a-z0-9.+-]+|text/plain)")
_ACTIVE = re.compile(r"(text/(html|css|.*javascript|xml)|application/(.*javascript|ecmascript|wasm|xml|.*\+xml))")
"""Types that browsers run, or load as a part of a page."""
_TEXT_HINTS = re.compile(
    r"text/(plain|csv|markdown|calendar|vcard|tab-separated-values|x-[a-z0-9-]+)|application/(json|yaml|toml|geo\+json|x-ndjson)"
)
_MARKUP = (
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), "image/svg+xml"),
    (re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|meta)[\s>/]", re.IGNORECASE), "text/html"),
    (re.compile(rb"\A\s*<\?xml"), "application/xml"),
)


def detect_type(head: bytes) -> str | None:
    """Detect the type of a binary format by the first bytes; None if they show none."""
    kind = filetype.guess(head)
    return None if kind is None else str(kind.mime)


def content_type(head: bytes, hint: str | None) -> str:
    """The media type of a file.

    The client's type decides only between kinds of text: a program that is called an image stays a program.

    Args:
        head: The first bytes.
        hint: The type that the client sent.
    """
    detected = detect_type(head)
    if detected is not None:
        return detected
    if not _is_text(head):
        return BINARY
    for pattern, markup in _MARKUP:
        if pattern.search(head):
            return markup
    hint = (hint or "").partition(";")[0].strip().lower()
    return hint if _TEXT_HINTS.fullmatch(hint) else "text/plain"


def served_type(stored: str) -> str:
    """The `Content-Type` of a download. What a page could load as a script or style sheet is sent as bytes."""
    if stored != "image/svg+xml" and _ACTIVE.fullmatch(stored):
        return BINARY
    return f"{stored}; charset=utf-8" if stored.startswith("text/") else stored


def is_inline(stored: str) -> bool:
    """Whether a browser may show the file instead of saving it."""
    return _INLINE.fullmatch(stored) is not None


def _is_text(head: bytes) -> bool:
    if not head or any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return True
