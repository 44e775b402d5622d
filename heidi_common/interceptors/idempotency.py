"""`Idempotency-Key`: a POST that is sent again has its effect once and gets the same answer.

@blp.route("/api/v1/cities", methods=["POST"])
@guard(Role.ADMIN)
@idempotent
@blp.arguments(CityIn)
@blp.response(201, CityOut)
def create_city(body): ...

The answer is kept in the transaction of the effect: either both are there or neither. An error keeps nothing, so the
client may correct the request under the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import Response, request
from sqlalchemy import Index, Uuid, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_common.jwt.guards import caller
from heidi_common.openapi.headers import IDEMPOTENCY_KEY, documents
from heidi_common.problems import BadRequest, Conflict, Invalid

View = TypeVar("View", bound=Callable[..., Any])
HEADER = "Idempotency-Key"
BLANK = '{"data":null,"meta":{}}'
RETENTION = timedelta(hours=24)
_STORED_HEADERS = ("Content-Type", "Location")


class IdempotencyKey(Base):
    """An answer that was given, by who asked, for what, under which key."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires_at", "expires_at"),)

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str]
    expires_at: Mapped[datetime]


_MENTIONED = func.uuids_in(IdempotencyKey.body, type_=ARRAY(Uuid))
"""Every id that stands in an answer; there is an index of these."""


def idempotent(view: View) -> View:
    """Honour the header on this route. Stands above @blp.arguments, so that a repeat is not even parsed."""

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(*args, **kwargs)
        _check(key)
        with transaction():
            return _once(key, lambda: view(*args, **kwargs))

    return cast(View, documents(IDEMPOTENCY_KEY)(once))


def delete_expired() -> None:
    """Forget the answers whose time has passed."""
    delete_in_batches(IdempotencyKey, IdempotencyKey.expires_at < func.now(), key=IdempotencyKey.key)


def delete_for_user(person_id: UUID) -> None:
    """Blank, in the caller's transaction, what was answered to a person or about them. The keys stay: a request that
    is sent again still has no second effect."""
    theirs = (IdempotencyKey.caller_id == person_id) | _MENTIONED.contains([person_id])
    db.session.execute(update(IdempotencyKey).where(theirs).values(body=BLANK))


def _once(key: str, answer: Callable[[], Response]) -> Response:
    identity = {"caller_id": caller().id, "route": _route(), "key": key}
    _lock(identity)
    kept = db.session.execute(select(IdempotencyKey).filter_by(**identity)).scalar_one_or_none()
    if kept is not None and kept.expires_at > utcnow():
        return _replay(kept)
    response = answer()
    _store(identity, response)
    return response


def _check(key: str) -> None:
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadRequest(f"{HEADER} must be 1 to 255 printable ASCII characters.", code="bad_idempotency_key")


def _route() -> str:
    assert request.url_rule is not None
    return f"{request.method} {request.url_rule.rule}"


def _lock(identity: dict[str, Any]) -> None:
    """Tried, not waited for; PostgreSQL gives it back at the end of the transaction, however that ends."""
    digest = hashlib.sha256(repr(sorted(identity.items())).encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise Conflict("A request with this key is being carried out.", code="idempotency_in_flight")


def _replay(kept: IdempotencyKey) -> Response:
    if kept.request_hash != _request_hash():
        error = "This key was used for another request."
        raise Invalid.field(f"/header/{HEADER}", error, code="idempotency_key_reused")
    return Response(kept.body, status=kept.status, headers=kept.headers | {"Idempotent-Replayed": "true"})


def _request_hash() -> str:
    """Of all that tells one request from another: path, query, body."""
    parts = (request.path.encode(), request.query_string, request.get_data(cache=True))
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _store(identity: dict[str, Any], response: Response) -> None:
    values = {
        "request_hash": _request_hash(),
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers},
        "body": response.get_data(as_text=True),
        "expires_at": utcnow() + RETENTION,
    }
    statement = insert(IdempotencyKey).values(identity | values)
    db.session.execute(statement.on_conflict_do_update(index_elements=list(identity), set_=values))
