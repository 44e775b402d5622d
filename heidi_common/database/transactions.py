"""Transactions: the one place that commits, and reads outside of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm.exc import StaleDataError

from heidi_common.database.models import Entity
from heidi_common.database.session import db
from heidi_common.problems import PreconditionFailed

_DEPTH, _AFTER = "heidi_transaction_depth", "heidi_after_commit"


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection for reads outside a transaction: one round trip for each statement, none for begin and end.

    The driver's own switch, because SQLAlchemy's isolation level "AUTOCOMMIT" has psycopg2 send two SETs each time.
    """
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        try:
            driver.autocommit = True
            yield connection
        finally:
            if not driver.closed:
                connection.rollback()  # ends SQLAlchemy's idea of a transaction; nothing is sent
                driver.autocommit = False


@contextmanager
def transaction() -> Iterator[None]:
    """Commit when the outermost block ends well, roll everything back when it does not.

    An inner block joins the outer one and ends with a flush, so that what the database refuses is refused there, too.
    This is the only place that commits.
    """
    info = db.session().info
    info[_DEPTH] = info.get(_DEPTH, 0) + 1
    try:
        yield
        _write(db.session.commit if info[_DEPTH] == 1 else db.session.flush)
    except BaseException:
        if info[_DEPTH] == 1:
            info.pop(_AFTER, None)
            db.session.rollback()
        raise
    finally:
        info[_DEPTH] -= 1
    if info[_DEPTH] == 0:
        for deed in info.pop(_AFTER, ()):
            deed()


def in_transaction() -> bool:
    """Whether a `transaction()` is open here. Asking makes no session."""
    return bool(db.session.registry.has() and db.session().info.get(_DEPTH, 0))


def holds_connection() -> bool:
    """Whether the session has begun to read here, outside of any `transaction()` perhaps."""
    return bool(db.session.registry.has() and db.session().in_transaction())


def _write(how: Callable[[], None]) -> None:
    try:
        how()
    except StaleDataError:
        raise PreconditionFailed("The resource was changed by somebody else meanwhile.") from None


def after_commit(deed: Callable[[], object]) -> None:
    """Run `deed` once the outermost transaction has committed; at once when there is none."""
    info = db.session().info
    if info.get(_DEPTH, 0):
        info.setdefault(_AFTER, []).append(deed)
    else:
        deed()


def delete_in_batches(model: Any, *conditions: Any, key: Any = None, batch: int = 5000) -> None:
    """Delete rows, some thousand in each transaction: however many there are, no statement meets its time limit."""
    key = model.id if key is None else key
    some = select(key).where(*conditions).limit(batch)
    gone = batch
    while gone >= batch:
        with transaction():
            found = delete(model).where(key.in_(some), *conditions).returning(key)
            gone = len(db.session.execute(found.execution_options(synchronize_session=False)).all())


def expect_version(entity: Entity, version: int | None) -> None:
    """Refuse a change that was made on an older version (If-Match); None means the client did not say."""
    if version is not None and entity.version != version:
        raise PreconditionFailed("If-Match names a version that is no longer the current one.")
