"""`Idempotency-Key`: a POST that a client repeats takes effect once, and returns the same response.

    @blp.route("/api/v1/cities", methods=["POST"])
    @guard(Role.ADMIN)
    @idempotent
    @blp.arguments(CityIn)
    @blp.response(201, CityOut)
    def create_city(body): ...

The response is stored in the transaction of the view, so either both are committed or neither is. An error is not
stored, so the client can correct the request and use the key again.

A view that calls another server, or that commits more than once, uses `@idempotent_outside` instead.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from typing import Any, TypeVar, cast

from flask import Response, request
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.interceptors.idempotency_keys import RETENTION, IdempotencyKey
from heidi_common.jwt.guards import caller
from heidi_common.openapi.headers import IDEMPOTENCY_KEY, documents
from heidi_common.problems import BadRequest, Conflict, Invalid
from heidi_common.runtime import current_settings

View = TypeVar("View", bound=Callable[..., Any])
HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
IN_PROGRESS = 0
"""The status of a key whose request runs outside of a transaction."""
LEASE = timedelta(seconds=120)
"""After this time without a response, the process is considered dead and the key can be used again."""
_STORED_HEADERS = ("Content-Type", "Location")


def idempotent(view: View) -> View:
    """Honor `Idempotency-Key` on a route. Put it above `@blp.arguments`, so that a repetition is not parsed.

    The view raises, besides its own errors:
        BadRequest: The key is malformed.
        Conflict: A request with this key is still in progress.
        Invalid: The key was used for a different request.
    """

    return _honor_key(view, _run_once)


def idempotent_outside(view: View) -> View:
    """Honor `Idempotency-Key` on a route whose view must not run in one transaction.

    The key is reserved first, and the response is stored afterwards. If the process is killed in between, a repetition
    runs the view again once LEASE has passed.

    The view raises, besides its own errors, those of `idempotent`.
    """

    return _honor_key(view, _run_once_outside)


def _honor_key(view: View, run_once: Callable[[dict[str, Any], Callable[[], Response]], Response]) -> View:
    """Wrap a view: a request with a key is left to `run_once`, which gets the identity of the key and the view."""

    @wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(*args, **kwargs)
        check_key(key)
        return run_once(_identity(key), partial(view, *args, **kwargs))

    return cast(View, documents(IDEMPOTENCY_KEY)(run))


def _run_once(identity: dict[str, Any], respond: Callable[[], Response]) -> Response:
    with transaction():
        stored = _lock_and_read(identity)
        if stored is not None:
            return _replay(stored)
        response = respond()
        _store(identity, response)
        return response


def _run_once_outside(identity: dict[str, Any], respond: Callable[[], Response]) -> Response:
    with transaction():
        stored = _lock_and_read(identity)
        if stored is not None:
            return _replay(stored)
        _store(identity, Response(status=IN_PROGRESS), expires_in=LEASE)
    return _run_reserved(identity, respond)


def _run_reserved(identity: dict[str, Any], respond: Callable[[], Response]) -> Response:
    try:
        response = respond()
        with transaction():
            _store(identity, response)
    except BaseException:
        db.session.rollback()
        with transaction():
            db.session.execute(delete(IdempotencyKey).filter_by(**identity))
        raise
    return response


def _identity(key: str) -> dict[str, Any]:
    return {"caller_id": caller().id, "route": _route(), "key": key}


def _lock_and_read(identity: dict[str, Any]) -> IdempotencyKey | None:
    _lock(identity)
    stored = db.session.execute(select(IdempotencyKey).filter_by(**identity)).scalar_one_or_none()
    return stored if stored is not None and stored.expires_at > utcnow() else None


def check_key(key: str) -> None:
    """Check the value of an `Idempotency-Key`.

    Args:
        key: As the client sent it; any text.

    Raises:
        BadRequest: It is empty, too long or has other characters than printable ASCII.
    """
    if not (1 <= len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        detail = f"`{HEADER}` must be 1 to {MAX_KEY_LENGTH} printable ASCII characters."
        raise BadRequest(detail, code="bad_idempotency_key")


def _route() -> str:
    assert request.url_rule is not None
    return f"{request.method} {request.url_rule.rule}"


def _lock(identity: dict[str, Any]) -> None:
    """Take the advisory lock of a key without waiting. PostgreSQL releases it when the transaction ends."""
    digest = hashlib.sha256(repr(sorted(identity.items())).encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise _in_progress()


def _in_progress() -> Conflict:
    return Conflict(f"A request with this `{HEADER}` is still in progress.", code="idempotency_in_flight")


def _replay(stored: IdempotencyKey) -> Response:
    if stored.request_hash != _request_hash():
        detail = "This key was used for a different request. Use a new key for each request."
        raise Invalid.field(f"/header/{HEADER}", detail, code="idempotency_key_reused")
    if stored.status == IN_PROGRESS:
        raise _in_progress()
    return Response(stored.body, status=stored.status, headers=stored.headers | {"Idempotent-Replayed": "true"})


def _request_hash() -> str:
    """The HMAC of what distinguishes one request from another: path, query and body.

    A plain hash would make it possible to guess a password in a body.
    """
    key = current_settings().secret_key.encode()
    parts = (request.path.encode(), request.query_string, request.get_data(cache=True))
    return hmac.digest(key, b"\0".join(hashlib.sha256(part).digest() for part in parts), "sha256").hex()


def _store(identity: dict[str, Any], response: Response, *, expires_in: timedelta = RETENTION) -> None:
    values = {
        "request_hash": _request_hash(),
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers},
        "body": response.get_data(as_text=True),
        "expires_at": utcnow() + expires_in,
    }
    statement = insert(IdempotencyKey).values(identity | values)
    db.session.execute(statement.on_conflict_do_update(index_elements=list(identity), set_=values))
