"""Import of users: every row succeeds or fails on its own; one transaction per hundred rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, firebase_projects
from heidi_common.identity.emails import normalize_email
from heidi_common.identity.password_formats.firebase_hash import FirebaseParameters
from heidi_common.import_files.rows import NumberedRow
from heidi_common.messaging.events import IMPORTED, IMPORTED_WITH_WELCOME
from heidi_common.problems import Conflict
from heidi_services.users.service import import_passwords

BATCH = 100
PreparedRow = tuple[int, dict[str, Any] | str]
"""(line number, the values of the columns or the reason for a refusal)."""


@dataclass(frozen=True)
class ImportedLine:
    """The result of one line.

    Attributes:
        line: Its number, from 1.
        outcome: `created`, `exists` or `refused`.
        detail: The user's ID, the e-mail address or the reason, respectively.
    """

    line: int
    outcome: str
    detail: str


def import_users(
    rows: Iterable[NumberedRow],
    schema: Schema,
    *,
    firebase: FirebaseParameters | None = None,
    welcome: bool = False,
) -> Iterator[ImportedLine]:
    """Import users row by row, lazily: consume the result to run the import.

    Args:
        rows: The rows of the file.
        schema: Validates a row.
        firebase: The parameters of the project from which hashes with a `passwordSalt` come.
        welcome: Whether the created users get a welcome message.
    """
    project_id = firebase_projects.store(firebase) if firebase else None
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        prepared = prepare_rows(batch, schema, project_id)
        with transaction():
            results = insert_rows(prepared, welcome=welcome)
        yield from results


def prepare_rows(rows: Iterable[NumberedRow], schema: Schema, project_id: UUID | None) -> list[PreparedRow]:
    """Validate rows and hash their passwords, outside of any transaction.

    Args:
        rows: The rows of a batch.
        schema: Validates a row.
        project_id: The stored parameters of the Firebase project from which hashes with a `passwordSalt` come.
    """
    return [(number, _prepare(row, schema, project_id)) for number, row in rows]


def insert_rows(rows: Iterable[PreparedRow], *, welcome: bool, actor: UUID | None = None) -> list[ImportedLine]:
    """Insert the users of a batch within the caller's transaction.

    Args:
        rows: The result of `prepare_rows`.
        welcome: Whether the created users get a welcome message.
        actor: The user who has requested the import; None for a command on the command line.
    """
    origin = IMPORTED_WITH_WELCOME if welcome else IMPORTED
    return [_insert(number, values, origin, actor) for number, values in rows]


def _prepare(row: dict[str, Any] | str, schema: Schema, project_id: UUID | None) -> dict[str, Any] | str:
    """Validate and hash outside of any transaction. Returns the column values, or the reason for a refusal."""
    if isinstance(row, str):
        return row
    try:
        values: dict[str, Any] = schema.load(row)
        values["email"] = normalize_email(values["email"])
    except ValidationError as error:
        return "; ".join(f"{name}: {_first(messages)}" for name, messages in error.messages_dict.items())
    except ValueError as error:
        return f"email: {error}"
    try:
        values["password_hash"] = import_passwords.take_hash(values, project_id)
    except import_passwords.RejectedPassword as rejection:
        return str(rejection)
    values["user_id"] = values.pop("id", None)
    values["email_verified_at"] = utcnow() if values.pop("email_verified") else None
    return values


def _insert(number: int, values: dict[str, Any] | str, origin: str, actor: UUID | None) -> ImportedLine:
    if isinstance(values, str):
        return ImportedLine(number, "refused", values)
    try:
        user = accounts.create_user(origin=origin, bulk=True, **values)
    except Conflict as conflict:
        if conflict.code == "id_taken":
            return ImportedLine(number, "refused", f"id: {conflict.detail}")
        return ImportedLine(number, "exists", values["email"])
    record("user_created", actor=actor, target=user.id, detail={"origin": "import"})
    return ImportedLine(number, "created", str(user.id))


def _first(messages: Any) -> str:
    return str(messages[0]) if isinstance(messages, list) and messages else str(messages)
