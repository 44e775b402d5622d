"""File names of users: what is stored of them, and how they are sent in headers. Storage never uses them as paths."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_BYTES = 255
"""The limit of the usual file systems."""
DEFAULT_NAME = "file"
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Source: Microsoft, "Naming Files, Paths, and Namespaces"."""
_FORBIDDEN = re.compile(r'[<>:"|?*%]')


def clean_name(name: str) -> str:
    """Make a name that every file system can store and that does not mislead people.

    Folders before the name are removed. So are control characters, invisible ones and those that reverse the direction
    of text, with which `exe.fdp` could be shown as `pdf.exe`.

    Args:
        name: The name, from an untrusted source.

    Returns:
        A name of 1 to 255 bytes in UTF-8.
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    text = "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")
    base = re.split(r"[/\\\u2044\u2215\uff0f\uff3c\u29f8]", text)[-1]
    base = _FORBIDDEN.sub("_", re.sub(r"\.{2,}", ".", base))
    base = " ".join(base.split()).strip(". ")
    if not base:
        return DEFAULT_NAME
    return _shortened(f"_{base}" if _RESERVED.fullmatch(base) else base)


def _shortened(name: str) -> str:
    """Cut the stem, so that the extension is kept."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 32:
        stem, dot, extension = name, "", ""
    room = MAX_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + extension


def content_disposition(kind: str, name: str) -> str:
    """The value of `Content-Disposition`, with the name in ASCII too if it has other characters.

    Args:
        kind: `inline` or `attachment`.
        name: A clean name.

    Source: RFC 6266, section 4.1, and RFC 8187.
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    ascii_name = re.sub(r"[^ -~]", "_", ascii_name).replace("\\", "_").replace('"', "_").strip()
    value = f'{kind}; filename="{ascii_name or DEFAULT_NAME}"'
    return value if ascii_name == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"
