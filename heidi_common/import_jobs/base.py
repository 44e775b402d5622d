"""`Importer`: what a service contributes to an import of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from heidi_common.import_files.columns import Columns
from heidi_common.import_files.reading import read_content
from heidi_common.import_files.rows import NumberedRow
from heidi_common.import_jobs.models import ImportKind, ImportOutcome


@dataclass(frozen=True)
class LineResult:
    """The result of a row.

    Attributes:
        line: The number of its first line, from 1.
        target_id: The user or city, if there is one.
        detail: Why the row was refused, beginning with the name of the field.
    """

    line: int
    outcome: ImportOutcome
    target_id: UUID | None = None
    detail: str | None = None


class Importer(ABC):
    """Imports the rows of one file, in batches.

    Attributes:
        kind: What it imports.
        columns: The columns that the file may have.
        batch_rows: The rows of one batch, which is one transaction.

    Args:
        options: The options of the import.
        requested_by: The user who has requested it.
    """

    kind: ClassVar[ImportKind]
    columns: ClassVar[Columns]
    batch_rows: ClassVar[int]

    def __init__(self, options: dict[str, Any], requested_by: UUID) -> None:
        self.options, self.requested_by = options, requested_by

    @classmethod
    def read_rows(cls, raw: bytes, options: Mapping[str, Any]) -> Iterator[NumberedRow]:
        """Read the rows of a file.

        Args:
            raw: The file.
            options: The options of the import, with `format` and `encoding` if they are known.

        Raises:
            InvalidFile: The file is rejected as a whole, perhaps only at a later row.
        """
        file = read_content(raw, cls.columns, kind=options.get("format"), encoding=options.get("encoding"))
        return iter(file.rows)

    def skip(self, rows: Iterable[NumberedRow]) -> None:
        """Pass over the rows that were processed before the import was interrupted."""
        for _ in rows:
            pass

    @abstractmethod
    def prepare(self, rows: Sequence[NumberedRow]) -> Any:
        """Do what needs no transaction, such as hashing passwords. The result is passed to `store`."""

    @abstractmethod
    def store(self, prepared: Any) -> list[LineResult]:
        """Store a batch within the caller's transaction. Returns a result for each row, in their order."""

    def finish(self) -> None:
        """Called once after the last row, outside of any transaction."""
        return
