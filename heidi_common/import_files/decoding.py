"""The encoding of an import file: a byte order mark, UTF-8, UTF-16 by its zero bytes, or Windows-1252."""

from __future__ import annotations

import codecs
import re

from heidi_common.import_files.rows import InvalidFile

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE_BYTES = 4096
SAVE_AS_UTF8 = "save it as UTF-8 (in Excel: `CSV UTF-8`), or name its encoding with --encoding, such as windows-1250"

_WESTERN = re.compile("[\\x00-\\x7f\u00a0¡«»¿ª°º§·´À-ÖØ-öø-ÿŒœŠšŽžŸ€‘’‚“”„–—•…‹›]*")
"""What Western European names and texts contain, of the characters of Windows-1252."""
_FOREIGN_WORD = re.compile("[À-ÿŒœŠšŽžŸ]{4}")
"""Four such letters in a row are a word of another alphabet, such as Greek or Cyrillic."""


def decode(raw: bytes, encoding: str | None = None) -> tuple[str, list[str]]:
    """Decode a file.

    Args:
        raw: Its bytes.
        encoding: The name of its encoding, if the user has named it.

    Returns:
        The text without byte order mark, in which a byte that is not UTF-8 is a lone surrogate if most of the file is
        UTF-8; and notes about what was assumed.

    Raises:
        InvalidFile: The encoding is unknown, or the file does not have it.
    """
    if encoding is not None:
        return _decode_named(raw, encoding), []
    marked = next((name for mark, name in BYTE_ORDER_MARKS if raw.startswith(mark)), None) or _utf16_without_mark(raw)
    if marked == "utf-8-sig" or marked is None:
        return _decode_bytes(raw.removeprefix(codecs.BOM_UTF8))
    return _decode_named(raw, marked), []


def _decode_named(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise InvalidFile(f"the encoding {encoding!r} is unknown; use a name such as utf-8 or windows-1250") from None
    except UnicodeError as error:
        raise InvalidFile(f"the file is not encoded as {encoding} ({error}); {SAVE_AS_UTF8}") from None


def _utf16_without_mark(raw: bytes) -> str | None:
    """UTF-16 is recognized by the zero bytes of ASCII characters: names of columns and delimiters are ASCII."""
    sample = raw[:SAMPLE_BYTES]
    if len(sample) < 4:
        return None
    for parity, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = sample[parity::2].count(0)
        if zeros * 2 > len(sample) // 2 and not sample[1 - parity :: 2].count(0):
            return name
    return None


def _decode_bytes(raw: bytes) -> tuple[str, list[str]]:
    try:
        return raw.decode(), []
    except UnicodeDecodeError as error:
        first_line = raw.count(b"\n", 0, error.start) + 1
    if _contains_utf8(raw):
        # A damaged line in a UTF-8 file. Only rows that contain it are refused: no field accepts surrogates.
        return raw.decode(errors="surrogateescape"), []
    return _decode_western(raw, first_line)


def _contains_utf8(raw: bytes) -> bool:
    return any(not line.isascii() and _is_utf8(line) for line in raw.splitlines())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_western(raw: bytes, first_line: int) -> tuple[str, list[str]]:
    try:
        text = raw.decode("windows-1252")
    except UnicodeDecodeError:
        text = "\ufffd"
    if not _WESTERN.fullmatch(text) or _FOREIGN_WORD.search(text):
        raise InvalidFile(f"line {first_line} is not UTF-8; {SAVE_AS_UTF8}")
    note = f"the file is not UTF-8 (line {first_line}) and is read as Windows-1252; if names look wrong, {SAVE_AS_UTF8}"
    return text, [note]
