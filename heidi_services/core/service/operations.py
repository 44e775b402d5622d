"""Operations: asked for, kept, looked at."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import select
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import CoreOperation
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.jobs import collect_overdue as overdue_rows
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.problems import FieldError, Invalid, NotFound
from heidi_services.core.models import Operation, Status
from heidi_services.core.operations import KINDS

JSON = dict[str, Any]


def request(type: str, given: JSON, *, requested_by: UUID, authorization: str) -> Operation:
    """Keep it and say so; a worker carries it out with the requester's own authority."""
    wanted = checked(type, given)
    with transaction():
        found = _add(uuid7(), type, wanted, requested_by, authorization)
        emit(CoreOperation(id=found.id, operation=type))
    return found


def accept(event: OutboxEvent) -> None:
    """A request from the bus (a schedule's): no row yet, the input sealed beside the fact. Joins a transaction; raises
    Refused for what can never be carried out."""
    operation_id = UUID(event.subject)
    if db.session.get(Operation, operation_id) is not None:
        return
    type, given = event.data["operation"], event.decrypt_secret_data().get("input", {})
    try:
        wanted = checked(type, given)
    except (KeyError, Invalid) as error:
        raise PermanentFailure(f"not an operation that can be carried out: {error}") from None
    _add(operation_id, type, wanted, None, None)


def checked(type: str, given: JSON) -> JSON:
    """The input in its wire form when it is right; Invalid with pointers when it is not."""
    schema = KINDS[type].input()
    try:
        found: JSON = schema.dump(schema.load(given))
    except ValidationError as error:
        raise Invalid(_field_errors(error.messages, "/input")) from None
    return found


def get(operation_id: UUID) -> Operation:
    found = db.session.get(Operation, operation_id)
    if found is None:
        raise NotFound("There is no such operation.")
    return found


def find(*, limit: int, cursor: str | None, total: bool, **filters: str) -> Page:
    statement = select(Operation).filter_by(**filters)
    return page(
        statement,
        order=Operation.created_at,
        descending=True,
        tiebreak=Operation.id,
        limit=limit,
        cursor=cursor,
        total=total,
    )


def overdue(limit: int) -> list[UUID]:
    """Operations that are due with no message under way."""
    return overdue_rows(Operation, open_status=Status.PENDING, limit=limit)


def _add(operation_id: UUID, type: str, given: JSON, requested_by: UUID | None, authorization: str | None) -> Operation:
    secret = {"input": given, "authorization": authorization}
    found = Operation(
        id=operation_id,
        type=type,
        input=KINDS[type].show(given),
        sealed=field_encryptor().encrypt(secret, context=operation_id.bytes),
        steps=[{"name": step.name, "status": "PENDING"} for step in KINDS[type].steps],
        requested_by=requested_by,
    )
    db.session.add(found)
    db.session.flush()
    return found


def _field_errors(messages: Any, pointer: str) -> list[FieldError]:
    if isinstance(messages, dict):
        return [error for name, inner in messages.items() for error in _field_errors(inner, f"{pointer}/{name}")]
    return [FieldError(pointer, str(message)) for message in messages]
