"""What the formats of import files have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

NumberedRow: TypeAlias = tuple[int, dict[str, Any] | str]
"""(number of the row's first line, from 1; the values by column, or the reason why the row is refused)."""


class InvalidFile(ValueError):
    """Why a file is rejected as a whole, and how to fix it."""


class ImportFile(NamedTuple):
    """A file whose structure is valid.

    Attributes:
        length: The number of lines, for a progress bar.
        rows: The rows. Each is read when it is requested.
        notes: What was assumed about the file, for example its encoding.
    """

    length: int
    rows: Iterator[NumberedRow]
    notes: list[str]
