"""Transactions (the only code that commits), and reads outside of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm.exc import StaleDataError

from heidi_common.database.disk_space import require_disk_space
from heidi_common.database.models import Entity
from heidi_common.database.session import db
from heidi_common.problems import PreconditionFailed

_DEPTH, _AFTER = "heidi_transaction_depth", "heidi_after_commit"


@contextmanager
def reading() -> Iterator[Connection]:
    """Open a connection for reads outside of a transaction: one round trip for each statement, no BEGIN and COMMIT.

    It sets the driver's `autocommit`, because SQLAlchemy's isolation level "AUTOCOMMIT" makes psycopg2 send two SET
    statements each time.

    Returns:
        A context manager. The connection goes back to the pool at the end of the block.
    """
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        try:
            driver.autocommit = True
            yield connection
        finally:
            if not driver.closed:
                connection.rollback()  # resets SQLAlchemy's own state; nothing is sent to the server
                driver.autocommit = False


@contextmanager
def transaction() -> Iterator[None]:
    """Commit when the outermost block succeeds, roll back when it raises.

    An inner block joins the outer one. It ends with a flush, so that an error of the database is raised inside the
    block that caused it. No other code commits.

    Raises:
        InsufficientStorage: The disk of the database is full.
        PreconditionFailed: Another transaction has changed one of the rows since it was loaded (`Entity.version`).
    """
    if not in_transaction():
        require_disk_space()
    info = db.session().info
    info[_DEPTH] = info.get(_DEPTH, 0) + 1
    try:
        yield
        _detect_conflict(db.session.commit if info[_DEPTH] == 1 else db.session.flush)
    except BaseException:
        if info[_DEPTH] == 1:
            info.pop(_AFTER, None)
            db.session.rollback()
        raise
    finally:
        info[_DEPTH] -= 1
    if info[_DEPTH] == 0:
        for callback in info.pop(_AFTER, ()):
            callback()


def in_transaction() -> bool:
    """Whether a `transaction()` is open in this context. Does not create a session."""
    return bool(db.session.registry.has() and db.session().info.get(_DEPTH, 0))


def holds_connection() -> bool:
    """Whether the session of this context holds a connection, in a `transaction()` or because it has read rows."""
    return bool(db.session.registry.has() and db.session().in_transaction())


def _detect_conflict(commit_or_flush: Callable[[], None]) -> None:
    try:
        commit_or_flush()
    except StaleDataError:
        raise PreconditionFailed("The resource was modified by another request.") from None


def after_commit(callback: Callable[[], object]) -> None:
    """Call `callback` after the outermost transaction has committed, or immediately if none is open.

    After a rollback it is not called.
    """
    if in_transaction():
        db.session().info.setdefault(_AFTER, []).append(callback)
    else:
        callback()


def expect_version(entity: Entity, version: int | None) -> None:
    """Reject a change that is based on an older version of the entity.

    Args:
        entity: The entity to change.
        version: The version in the request's If-Match header; None if the client sent no such header.

    Raises:
        PreconditionFailed: The entity has another version.
    """
    if version is not None and entity.version != version:
        raise PreconditionFailed("The version in If-Match is out of date.")
