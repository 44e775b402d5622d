"""Rows of JSON files: one object per line (NDJSON), an array of objects, or an object that contains one array."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from heidi_common.import_files.rows import InvalidFile, NumberedRow

ADVICE = "write one JSON object per line, or one array of objects"
SAMPLE_LINES = 100


class _RepeatedKey(ValueError):
    """An object that has a key twice."""


def read_json(lines: Sequence[str]) -> Iterator[NumberedRow]:
    """Read a JSON file: NDJSON row by row, everything else as a whole.

    Args:
        lines: The lines of the file, with line ends.

    Raises:
        InvalidFile: It is one JSON document, but not of objects, or not complete.
    """
    first = next((line.lstrip() for line in lines if line.strip()), "")
    if first.startswith("{") and any(isinstance(_parse(line), dict) for line in islice(lines, SAMPLE_LINES)):
        return _read_lines(lines)
    return iter(_read_document("".join(lines))) if first else iter(())


def _read_lines(lines: Sequence[str]) -> Iterator[NumberedRow]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            row = _parse(line)
            yield number, row if isinstance(row, dict | str) else "not a JSON object"


def _parse(line: str) -> Any:
    """Parse a line; the reason if it is not JSON."""
    try:
        row = json.loads(line.rstrip().removesuffix(","), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return row if isinstance(row, dict) else None


def _read_document(text: str) -> list[NumberedRow]:
    items, start = _items(text)
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    rows: list[NumberedRow] = []
    place, line, counted = start, text.count("\n", 0, start) + 1, start
    for _ in items:
        place = _skip(text, place)
        line, counted = line + text.count("\n", counted, place), place
        row, place = _decode_item(decoder, text, place)
        rows.append((line, row))
        place = _skip(text, place)
    return rows


def _items(text: str) -> tuple[list[Any], int]:
    """The elements of the document's array, and where it begins."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidFile(f"line {error.lineno}: not JSON: {error.msg}; {ADVICE}") from None
    except RecursionError:
        raise InvalidFile(f"the JSON is nested too deeply; {ADVICE}") from None
    if isinstance(document, list):
        return document, text.index("[") + 1
    arrays = {key: value for key, value in document.items() if isinstance(value, list)} if _is_object(document) else {}
    if len(document if _is_object(document) else ()) != 1 or len(arrays) != 1:
        return _single(document, text)
    return next(iter(arrays.values())), text.index("[", text.index(":")) + 1


def _single(document: Any, text: str) -> tuple[list[Any], int]:
    if not _is_object(document):
        raise InvalidFile(f"the file contains a single JSON value; {ADVICE}")
    return [document], text.index("{")


def _is_object(document: Any) -> bool:
    return isinstance(document, dict)


def _decode_item(decoder: json.JSONDecoder, text: str, place: int) -> tuple[dict[str, Any] | str, int]:
    try:
        row, end = decoder.raw_decode(text, place)
    except _RepeatedKey as error:
        return f"not JSON: {error}", json.JSONDecoder().raw_decode(text, place)[1]
    return row if isinstance(row, dict) else "not a JSON object", end


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise _RepeatedKey(f"the object contains {', '.join(repeated)} twice")
    return dict(pairs)
