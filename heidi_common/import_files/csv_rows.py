"""Rows of CSV files: separated by commas, semicolons, tabs or bars, with the number of each row's first line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice

from heidi_common.import_files import spreadsheet_text
from heidi_common.import_files.columns import Columns
from heidi_common.import_files.rows import InvalidFile, NumberedRow

DELIMITERS = ",;\t|"
MAX_ROW_LINES = 100
"""Lines that a row may have, through line breaks in quotes. A quote that is not closed sooner is a mistake."""

Record = tuple[int, list[str] | str, int]
"""(number of the first line, the fields or what is wrong, the number of lines)."""


def read_csv(lines: Sequence[str], columns: Columns) -> Iterator[NumberedRow]:
    """Read the header immediately, and the rows when they are requested.

    Args:
        lines: The lines of the file, with line ends.
        columns: The columns of the import.

    Raises:
        InvalidFile: The file is empty, or its header is not accepted.
    """
    start, delimiter = _skip_separator_line(lines)
    header = next((index for index in range(start, len(lines)) if lines[index].strip()), None)
    if header is None:
        return iter(())
    delimiter = delimiter or _find_delimiter(lines[header], columns)
    number, fields, length = _read_record(lines, header, delimiter)
    if isinstance(fields, str):
        raise InvalidFile(f"line {number}: {fields}")
    names = columns.header(_without_trailing(fields), number)
    return _rows(lines, header + length, delimiter, names)


def _rows(lines: Sequence[str], start: int, delimiter: str, names: list[str]) -> Iterator[NumberedRow]:
    index = start
    while index < len(lines):
        number, fields, length = _read_record(lines, index, delimiter)
        mistake = fields if isinstance(fields, str) else _wrong_count(fields, names)
        # After a mistake within several lines only the first one is refused: a quote may not have been closed.
        index += 1 if mistake and length > 1 else length
        if mistake:
            hint = "; is a quote in this line closed?" if length > 1 and not isinstance(fields, str) else ""
            yield number, mistake + hint
        elif any(field.strip() for field in fields):
            values = zip(names, map(spreadsheet_text.restore, fields), strict=False)
            yield number, {name: value for name, value in values if value != ""}


def _read_record(lines: Sequence[str], index: int, delimiter: str) -> Record:
    reader = csv.reader(islice(lines, index, index + MAX_ROW_LINES), delimiter=delimiter, strict=True)
    try:
        return index + 1, next(reader), reader.line_num
    except csv.Error as error:
        return index + 1, _explain(error), reader.line_num


def _explain(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "not CSV: a quote is opened and not closed; close it, or double quotes that belong to the text"
    if "expected after" in str(error):
        return f"not CSV: {error}; double quotes that belong to the text, and close each quote"
    return f"not CSV: {error}"


def _wrong_count(fields: list[str], names: Sequence[str]) -> str | None:
    """What is wrong with the number of fields. Rows without any value and empty fields at the end are ignored."""
    if not any(field.strip() for field in fields):
        return None
    while len(fields) > len(names) and not fields[-1].strip():
        fields.pop()
    if len(fields) == len(names):
        return None
    return f"the number of fields ({len(fields)}) differs from the header's ({len(names)})"


def _without_trailing(fields: list[str]) -> list[str]:
    while fields and not fields[-1].strip():
        fields = fields[:-1]
    return fields


def _skip_separator_line(lines: Sequence[str]) -> tuple[int, str | None]:
    """Excel's first line `sep=;` names the delimiter."""
    first = lines[0].strip("\r\n\"' ") if lines else ""
    if first.lower().startswith("sep=") and len(first) == 5:
        return 1, first[4]
    return (1, "\t") if lines and lines[0].strip("\r\n").lower() == "sep=\t" else (0, None)


def _find_delimiter(header: str, columns: Columns) -> str:
    """The delimiter by which the header names most columns."""

    def known(delimiter: str) -> int:
        return columns.count_known(next(csv.reader([header], delimiter=delimiter), []))

    return max(DELIMITERS, key=known)
