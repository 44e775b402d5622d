"""The audit trail: who did what. It is append-only, and each row contains the hash of the row before.

It holds ids and HMACs but never an address or a secret, so that erasing a user leaves the chain intact. Action names
follow OWASP's logging vocabulary (`authn_login_fail`, `authz_fail`, `user_updated`)::

    with transaction():
        ...
        record("user_updated", actor=caller().id, target=user.id, detail={"changed": ["role"]})

    record_failure("authn_login_fail", email=email)  # before raising: it rolls back the request's work

Source: https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import g, has_request_context, request
from sqlalchemy import BigInteger, Index, event, insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.audit import addresses
from heidi_common.audit.fingerprint import fingerprint
from heidi_common.database.models import Base
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.request_id import request_id

_PENDING = "heidi_audit_pending"
_AUDITED = "heidi.audited"


class Audit(Base):
    """One action. Triggers number the row, set its time and its hash, and reject UPDATE and DELETE."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_action_position", "action", "position"),
        Index("ix_audit_actor_position", "actor", "position"),
        Index("ix_audit_target_position", "target", "position"),
        Index("ix_audit_at", "at"),
    )

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID]
    at: Mapped[datetime]
    action: Mapped[str]
    outcome: Mapped[str]
    actor: Mapped[str | None]
    target: Mapped[str | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    detail: Mapped[dict[str, Any] | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]


def record(
    action: str,
    *,
    actor: UUID | str | None = None,
    target: UUID | str | None = None,
    email: str | None = None,
    outcome: str = "success",
    detail: dict[str, Any] | None = None,
) -> None:
    """Record an action in the caller's transaction. A rollback discards the row.

    The row is written just before the commit, so that the lock of the chain is held as briefly as possible.

    Args:
        action: The name of the action, such as `user_updated`.
        actor: The id of the user or client who acts.
        target: The id of the user or client that is acted on, or a `fingerprint`.
        email: The address that is acted on, instead of `target`: recorded as its fingerprint (see `addresses`).
        outcome: `success` or `failure`.
        detail: Further JSON. It must not contain personal data or secrets. If core acts for the requester of an
            operation, their ID is added as `onBehalfOf`.
    """
    if email is not None:
        with transaction():
            record(action, actor=actor, target=addresses.remember(email), outcome=outcome, detail=detail)
        return
    row = {
        "position": 0,  # replaced by the trigger
        "id": uuid7(),
        "action": action,
        "outcome": outcome,
        "actor": _text(actor),
        "target": _text(target),
        "address": _address(),
        "request_id": request_id(),
        "detail": _with_requester(detail),
    }
    with transaction():
        session = db.session()
        if not session.in_transaction():
            # Only a transaction that has begun calls _discard_pending when it is rolled back.
            session.info.pop(_PENDING, None)
            session.connection()
        session.info.setdefault(_PENDING, []).append(row)


def record_failure(
    action: str,
    *,
    actor: UUID | str | None = None,
    target: UUID | str | None = None,
    email: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Record a failed action in a separate transaction. Arguments as in `record`.

    Call it outside of `transaction()`: it rolls back what the session has not committed.
    """
    db.session.rollback()
    with transaction():
        record(action, actor=actor, target=target, email=email, outcome="failure", detail=detail)
    mark_audited()


def mark_audited() -> None:
    """Note that the failure of the current request has been recorded, so that its response is not recorded again."""
    if has_request_context():
        request.environ[_AUDITED] = True


def is_audited() -> bool:
    """Whether the failure of the current request has been recorded."""
    return bool(request.environ.get(_AUDITED))


def _with_requester(detail: dict[str, Any] | None) -> dict[str, Any] | None:
    requester = getattr(g.get("caller"), "on_behalf_of", None) if has_request_context() else None
    return detail if requester is None else {**(detail or {}), "onBehalfOf": str(requester)}


def _text(value: UUID | str | None) -> str | None:
    return None if value is None else str(value)


def _address() -> str | None:
    if has_request_context() and request.remote_addr:
        return fingerprint(request.remote_addr)
    return None


_INSERT = insert(Audit).inline()


@event.listens_for(Session, "before_commit")
def _write_pending(session: Session) -> None:
    rows = session.info.pop(_PENDING, None)
    if rows:
        session.flush()
        session.connection().execute(_INSERT, rows)


@event.listens_for(Session, "after_rollback")
def _discard_pending(session: Session) -> None:
    session.info.pop(_PENDING, None)
