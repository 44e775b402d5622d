"""`Exporter`: what a service contributes to an export of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from heidi_common.export_jobs.models import ExportKind


@dataclass(frozen=True)
class Piece:
    """A part of the file, with the number of rows that it completes."""

    content: bytes
    rows: int = 0


@dataclass(frozen=True)
class ExportedFile:
    """A file that is being written: its chunks are read once."""

    name: str
    content_type: str
    chunks: Iterator[bytes]


class Exporter(ABC):
    """Writes one file. Between two pieces no transaction is open, so that progress can be stored.

    Attributes:
        kind: What it exports.

    Args:
        options: The options of the export.
        requested_by: The user who has requested it, and who will own the file.
        authorization: The `Authorization` header of the request, if the export needs the rights of its user.
    """

    kind: ClassVar[ExportKind]

    def __init__(self, options: dict[str, Any], requested_by: UUID, authorization: str | None) -> None:
        self.options, self.requested_by, self.authorization = options, requested_by, authorization

    @property
    @abstractmethod
    def content_type(self) -> str:
        """The media type of the file."""

    @abstractmethod
    def file_name(self, at: datetime) -> str:
        """The name of a file that was requested at a time."""

    def count_rows(self) -> int | None:
        """How many rows the file will have, about; None if only writing it shows."""
        return None

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """The content of the file.

        Raises:
            Unavailable: Another service does not respond. The worker tries again later.
            Problem: The export cannot succeed. Its detail becomes the error of the export.
        """
