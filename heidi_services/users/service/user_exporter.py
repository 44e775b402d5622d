"""The export of users by HTTP: the file that `flask users export` writes, without hashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.export_jobs.base import Exporter, Piece
from heidi_common.export_jobs.models import ExportKind
from heidi_common.identity.models import User
from heidi_services.users.service import bulk_export

_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class UserExporter(Exporter):
    """Writes all users that are not deleted. Options: `format`."""

    kind = ExportKind.USERS

    @property
    def content_type(self) -> str:
        return _TYPES[self.options["format"]]

    def file_name(self, at: datetime) -> str:
        return f"users-{at:%Y-%m-%d}.{self.options['format']}"

    def count_rows(self) -> int | None:
        return db.session.scalar(select(func.count()).where(User.deleted_at.is_(None)))

    def pieces(self) -> Iterator[Piece]:
        after, rows = None, 1
        while rows:
            text, after, rows = bulk_export.export_page(self.options["format"], after)
            yield Piece(text.encode(), rows)
