"""The export of a user's personal data as a file: the same JSON as `data_export`, written part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app

from heidi_common.database.models import utcnow
from heidi_common.export_jobs.base import Exporter, Piece
from heidi_common.export_jobs.models import ExportKind
from heidi_common.problems import Unauthorized
from heidi_common.schemas.fields import iso
from heidi_services.users import peer_data
from heidi_services.users.service import data_export


class PersonalDataExporter(Exporter):
    """Writes all data about the user who has requested it, with the rights of that user's session."""

    kind = ExportKind.PERSONAL_DATA

    @property
    def content_type(self) -> str:
        return "application/json"

    def file_name(self, at: datetime) -> str:
        return f"heidi-export-{at:%Y-%m-%d}.json"

    def pieces(self) -> Iterator[Piece]:
        if self.authorization is None:
            raise Unauthorized("Request the export again.")
        user, own_parts = data_export.own_data(self.requested_by)
        yield Piece(f'{{"exportedAt": {_json(iso(utcnow()))}, "user": {_json(user)}, "parts": {{'.encode())
        separator = b""
        for name, data in _all_parts(own_parts, self.requested_by, self.authorization):
            yield Piece(separator + f"{json.dumps(name)}: ".encode())
            yield from _part(data)
            separator = b", "
        yield Piece(b"}}")


def _all_parts(own_parts: dict[str, Any], user_id: UUID, authorization: str) -> Iterator[tuple[str, Any]]:
    yield from own_parts.items()
    yield from peer_data.personal_data(user_id, authorization)


def _part(data: Any) -> Iterator[Piece]:
    if isinstance(data, dict):
        yield Piece(_json(data).encode(), 1)
        return
    separator = "["
    for row in data:
        yield Piece(f"{separator}{_json(row)}".encode(), 1)
        separator = ","
    yield Piece(b"[]" if separator == "[" else b"]")


def _json(value: Any) -> str:
    """As responses are serialized."""
    return current_app.json.dumps(value)
