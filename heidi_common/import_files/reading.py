"""Read an import file of any supported format and encoding."""

from __future__ import annotations

import io
from pathlib import Path

from heidi_common.import_files.columns import Columns
from heidi_common.import_files.csv_rows import read_csv
from heidi_common.import_files.decoding import decode
from heidi_common.import_files.json_rows import read_json
from heidi_common.import_files.rows import ImportFile, InvalidFile

FORMATS = ("csv", "ndjson", "json")
NOT_TEXT = {
    b"PK\x03\x04": "an Excel workbook or another archive; save it as CSV UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV UTF-8",
    b"\x1f\x8b": "compressed; decompress it",
    b"%PDF": "a PDF; save the table as CSV UTF-8",
    b"SQLite": "a database; export the table as CSV UTF-8",
}
"""First bytes -> what the file is, and what to do."""


def read_file(path: Path, columns: Columns, *, kind: str | None = None, encoding: str | None = None) -> ImportFile:
    """Read a file, whose rows the caller then validates.

    Args:
        path: The file.
        columns: The columns of the import.
        kind: One of FORMATS; by default recognized by the content.
        encoding: The name of the encoding; by default recognized by the content.

    Raises:
        InvalidFile: The file is rejected as a whole. Nothing has been read by the caller yet.
    """
    return read_content(path.read_bytes(), columns, kind=kind, encoding=encoding)


def read_content(raw: bytes, columns: Columns, *, kind: str | None = None, encoding: str | None = None) -> ImportFile:
    """Read the content of a file, wherever it comes from. Arguments, result and errors as for `read_file`."""
    what = next((what for start, what in NOT_TEXT.items() if raw.startswith(start)), None)
    if what is not None:
        raise InvalidFile(f"the file is {what}")
    text, notes = decode(raw, encoding)
    # Universal newlines: CRLF, CR and LF end a line; other separators belong to the text.
    lines = io.StringIO(text, newline=None).readlines()
    kind = kind or ("json" if text.lstrip()[:1] in ("{", "[") else "csv")
    return ImportFile(len(lines), read_csv(lines, columns) if kind == "csv" else read_json(lines), notes)
