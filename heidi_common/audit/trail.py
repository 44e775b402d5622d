"""The audit trail: who did what, append-only, each row chained by hash to the one before.

It holds ids and HMACs, never an address or a secret, so that an erasure leaves it whole. The words are OWASP's
(`authn_login_fail`, `authz_fail`, `user_updated`)::

    with transaction():
        ...
        record("user_updated", actor=caller().id, target=user.id, detail={"changed": ["role"]})

    refuse("authn_login_fail", target=fingerprint(email))     # before raising: the request's own work is rolled back
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Flask, Response, current_app, g, has_request_context, request
from sqlalchemy import BigInteger, ColumnElement, Index, Result, Text, event, func, insert, literal_column, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.audit.sampler import Sampler
from heidi_common.database.models import Base
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.request_id import request_id
from heidi_common.problems import Problem
from heidi_common.runtime import current_settings

log = logging.getLogger(__name__)
_PENDING = "heidi_audit_pending"
SAMPLER = "heidi_audit_damper"
GENESIS = "0" * 64


class Audit(Base):
    """One deed. A trigger numbers the row, stamps it and chains its hash; another refuses UPDATE and DELETE."""

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
    outcome: str = "success",
    detail: dict[str, Any] | None = None,
) -> None:
    """Note a deed in the caller's transaction; a rollback takes the row with it.

    The row is written just before the commit: the chain is one behind the other, and its lock is held no longer.
    """
    row = {
        "position": 0,  # the trigger gives the true one
        "id": uuid7(),
        "action": action,
        "outcome": outcome,
        "actor": _text(actor),
        "target": _text(target),
        "address": _address(),
        "request_id": request_id(),
        "detail": detail,
    }
    with transaction():
        session = db.session()
        if not session.in_transaction():
            # A rollback is only heard of by a transaction that has begun.
            session.info.pop(_PENDING, None)
            session.connection()
        session.info.setdefault(_PENDING, []).append(row)


def record_failure(
    action: str,
    *,
    actor: UUID | str | None = None,
    target: UUID | str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Note a failure in a transaction of its own. Call it outside of `transaction()`: that one is rolled back."""
    db.session.rollback()
    with transaction():
        record(action, actor=actor, target=target, outcome="failure", detail=detail)
    _mark_audited()


def record_token_failure(
    action: str,
    reason: str,
    *,
    actor: UUID | str | None = None,
    target: UUID | str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Note a token that is not good: one row a minute for an address and a reason, in each process.

    Who has none can make up any number of them, and all rows are written one after the other. The next row says how
    many were left out; the access log has a line for each.
    """
    _mark_audited()
    left_out = current_app.extensions[SAMPLER].admit((request.remote_addr, action, reason))
    if left_out is not None:
        told = {"reason": reason, **(detail or {})} | ({"leftOut": left_out} if left_out else {})
        record_failure(action, actor=actor, target=target, detail=told)


def _mark_audited() -> None:
    if has_request_context():
        request.environ["heidi.audited"] = True


def init_audit(app: Flask) -> None:
    """Note answers 401 to somebody who showed a token, and every 403, unless the service said more already."""
    app.extensions[SAMPLER] = Sampler()
    app.after_request(_record_rejection)


def _record_rejection(response: Response) -> Response:
    shown = "Authorization" in request.headers
    if response.status_code in (401, 403) and shown and not request.environ.get("heidi.audited"):
        try:
            _record_status(response.status_code)
        except (SQLAlchemyError, Problem):
            # The answer is a refusal anyway; it must not turn into an error because it could not be noted.
            log.warning("a refusal could not be noted", extra={"status": response.status_code})
    return response


def _record_status(status: int) -> None:
    where = {"method": request.method, "route": request.url_rule.rule if request.url_rule else None}
    if status == 403:
        asking = g.get("caller")
        record_failure("authz_fail", actor=asking.claims["sub"] if asking else None, detail=where)
    else:
        problem: Problem | None = g.get("problem")
        record_token_failure("authn_token_invalid", str(problem), detail=where)


def fingerprint(text: str) -> str:
    """A stable HMAC in place of an e-mail or an IP address."""
    key = hmac.digest(current_settings().secret_key.encode(), b"heidi audit fingerprint", "sha256")
    return "hmac:" + hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


@dataclass(frozen=True)
class ChainVerification:
    """How far the chain holds; `head` may be noted elsewhere to prove later that nothing was cut off."""

    rows: int
    head: str
    broken_at: int | None = None


def verify_chain() -> ChainVerification:
    """Compute every hash anew; stops at the first row that does not follow from the one before."""
    rows, head = 0, GENESIS
    for position, previous, stored, content in _contents():
        if position != rows + 1 or previous != head or _digest(previous, content) != stored:
            return ChainVerification(rows, head, broken_at=position)
        rows, head = rows + 1, stored
    return ChainVerification(rows, head)


def _contents() -> Result[int, str, str, str]:
    """(position, previous hash, hash, the text that was hashed) of every row, streamed."""
    content: ColumnElement[str] = func.audit_content(literal_column("audit"), type_=Text())
    stmt = select(Audit.position, Audit.previous_hash, Audit.hash, content).order_by(Audit.position)
    return db.session.execute(stmt.execution_options(yield_per=1000))


def _digest(previous: str, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def _text(value: UUID | str | None) -> str | None:
    return None if value is None else str(value)


def _address() -> str | None:
    if has_request_context() and request.remote_addr:
        return fingerprint(request.remote_addr)
    return None


_INSERTION = insert(Audit).inline()


@event.listens_for(Session, "before_commit")
def _write_pending(session: Session) -> None:
    rows = session.info.pop(_PENDING, None)
    if rows:
        session.flush()
        session.connection().execute(_INSERTION, rows)


@event.listens_for(Session, "after_rollback")
def _discard_pending(session: Session) -> None:
    session.info.pop(_PENDING, None)
