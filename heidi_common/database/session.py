"""The database: declarative base, the Entity mixin and the one place that commits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg2
from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, MetaData, Text, delete, event, exc, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from uuid_utils.compat import uuid7

from heidi_common.config.settings import Settings
from heidi_common.problems import PreconditionFailed, Unavailable

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
_DEPTH, _AFTER = "heidi_transaction_depth", "heidi_after_commit"
_RESTING_SINCE = "heidi_resting_since"
RESTED_SECONDS = 2


def utcnow() -> datetime:
    return datetime.now(UTC)


def storable(text: str) -> str:
    """What somebody else said, as far as PostgreSQL can hold it: no NUL, no lone surrogate."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


class Base(DeclarativeBase):
    """Base of every table. Text, timestamptz and JSONB are what Python's types mean here."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
    }


class Entity:
    """A row with an identity: uuid7 id, timestamps, and a version that ETags and If-Match rely on."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow, server_default=func.now())
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


# model_class=Base fails when Base has a type_annotation_map (Flask-SQLAlchemy 3.1): share the metadata instead.
db = SQLAlchemy(metadata=Base.metadata)


def init_db(app: Flask, settings: Settings) -> None:
    """Bind the engine; a statement may not outlive the request's time limit."""
    limit = settings.request_time_limit * 1000
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": 5,
        "pool_recycle": 1800,
        "pool_use_lifo": True,
        "hide_parameters": True,  # an error's text goes into logs and dead rows: no address, no hash
        "connect_args": {
            "connect_timeout": 5,
            "application_name": app.name,
            "options": f"-c timezone=UTC -c statement_timeout={limit} -c lock_timeout={limit}",
        },
    }
    db.init_app(app)


@event.listens_for(Pool, "checkin")
def _note_rest(driver: Any, record: ConnectionPoolEntry) -> None:
    if driver is not None and not driver.closed and driver.autocommit:  # whoever had it was interrupted
        driver.autocommit = False
    record.info[_RESTING_SINCE] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _wake(driver: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask a connection that has rested for a while whether it still lives: a restarted database costs no answer.

    `pool_pre_ping` would ask each time, a round trip for every request.
    """
    if time.monotonic() - record.info.get(_RESTING_SINCE, float("inf")) < RESTED_SECONDS:
        return
    try:
        driver.cursor().execute("SELECT 1")
        driver.rollback()
    except psycopg2.Error:
        raise exc.DisconnectionError from None


@event.listens_for(Engine, "before_cursor_execute")
def within_time(*_args: object) -> None:
    """A request that has used up its time does not begin another statement."""
    if g and time.monotonic() > g.get("deadline", float("inf")):
        raise Unavailable("The time limit of a request is passed.", code="time_limit")


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
