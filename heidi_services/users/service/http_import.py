"""The import of users by HTTP. It accepts what `flask users import` accepts, except IDs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from marshmallow import Schema

from heidi_common.identity import firebase_projects
from heidi_common.identity.password_formats import firebase_hash
from heidi_common.identity.password_formats.stored_hash import InvalidHash
from heidi_common.import_files.columns import Columns
from heidi_common.import_files.rows import NumberedRow
from heidi_common.import_jobs import requests
from heidi_common.import_jobs.base import Importer, LineResult
from heidi_common.import_jobs.models import Import, ImportKind, ImportOutcome
from heidi_common.problems import Invalid
from heidi_services.users.service import bulk_import
from heidi_services.users.service.import_columns import COLUMNS

_OUTCOMES = {
    "created": ImportOutcome.CREATED,
    "exists": ImportOutcome.UNCHANGED,
    "refused": ImportOutcome.REFUSED,
}


class UserImporter(Importer):
    """Creates a user for each row. Existing users are not changed.

    Options: `welcome`, and `firebaseProject` (the ID of the stored parameters).

    Args:
        options: The options of the import.
        requested_by: The user who has requested it.
        schema: Validates a row.
    """

    kind = ImportKind.USERS
    columns = Columns({name: about for name, about in COLUMNS.descriptions.items() if name != "id"}, COLUMNS.required)
    batch_rows = bulk_import.BATCH

    def __init__(self, options: dict[str, Any], requested_by: UUID, *, schema: Schema) -> None:
        super().__init__(options, requested_by)
        self.schema = schema

    def prepare(self, rows: Sequence[NumberedRow]) -> list[bulk_import.PreparedRow]:
        project = self.options.get("firebaseProject")
        return bulk_import.prepare_rows(rows, self.schema, UUID(project) if project else None)

    def store(self, prepared: list[bulk_import.PreparedRow]) -> list[LineResult]:
        welcome = bool(self.options.get("welcome"))
        lines = bulk_import.insert_rows(prepared, welcome=welcome, actor=self.requested_by)
        return [_result(line) for line in lines]


def request_import(raw: bytes, query: dict[str, Any], firebase_config: str | None, *, requested_by: UUID) -> Import:
    """Store an import for a worker.

    Args:
        raw: The file.
        query: The attributes of `UserImportQuery`.
        firebase_config: The hash parameters of the Firebase project from which hashes with a `passwordSalt` come.
        requested_by: The administrator.

    Raises:
        Invalid: The file is rejected as a whole, or the parameters are not accepted.
        TooMany: Too many imports have not ended yet.
    """
    options = dict(query)
    if firebase_config:
        options["firebaseProject"] = str(_store_parameters(firebase_config))
    return requests.create(UserImporter, raw, options, requested_by=requested_by)


def _store_parameters(config: str) -> UUID:
    try:
        return firebase_projects.store(firebase_hash.read_parameters(config))
    except InvalidHash as error:
        raise Invalid.field("firebaseConfig", str(error)) from None


def _result(line: bulk_import.ImportedLine) -> LineResult:
    target_id = UUID(line.detail) if line.outcome == "created" else None
    detail = line.detail if line.outcome == "refused" else None
    return LineResult(line.line, _OUTCOMES[line.outcome], target_id, detail)
