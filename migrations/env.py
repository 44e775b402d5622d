"""Alembic's environment. All services share one history.

The models of all services are imported, whatever HEIDI_SERVICE is: Alembic would drop the tables of the others.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module, util
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.runtime import current_settings
from heidi_services import SERVICES

for _path in (
    "heidi_common.identity.models",
    "heidi_common.messaging.inbox",
    "heidi_common.interceptors.idempotency_keys",
    "heidi_common.audit.trail",
    *(f"{service.module}.models" for service in SERVICES.values()),
):
    if util.find_spec(_path):
        import_module(_path)

ADVISORY_LOCK = 0x48656964690001
"""Instances that start at the same time wait for each other's migrations."""


RECORD = text(
    "INSERT INTO platform_states (name, subject, value, changed_at) VALUES ('migration', 'last', :value, now())"
    " ON CONFLICT (name, subject) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at"
)


@contextmanager
def _recorded(engine: Engine) -> Iterator[None]:
    """Store whether the migrations failed, for an alert: the instances of the previous version keep serving."""
    try:
        yield
    except BaseException:
        _record(engine, 1)
        raise
    _record(engine, 0)


def _record(engine: Engine, value: int) -> None:
    with suppress(SQLAlchemyError), engine.begin() as connection:  # the table may not exist yet
        connection.execute(RECORD, {"value": value})


def _drop_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []


def _direct_engine() -> Engine | None:
    """The database without PgBouncer, which would release the lock with each transaction."""
    url = current_settings().database_direct_url
    return create_engine(url, connect_args={"options": "-c timezone=UTC"}) if url else None


def run() -> None:
    extension = current_app.extensions["migrate"]
    engine = _direct_engine() or extension.db.engine
    with engine.connect() as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        _wait_for_others(connection)
        context.configure(
            connection=connection,
            target_metadata=extension.db.metadata,
            process_revision_directives=_drop_empty,
            include_object=_is_comparable,
            compare_type=True,
            # A lock is held only until the end of the migration that needs it.
            transaction_per_migration=True,
        )
        with context.begin_transaction(), _recorded(engine):
            context.run_migrations()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")
        connection.commit()


def _wait_for_others(connection: Connection) -> None:
    """Take the lock. A session that waited inside a statement would block CREATE INDEX CONCURRENTLY of the holder."""
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})").scalar():
        connection.rollback()
        time.sleep(0.2)
    connection.commit()


def _is_comparable(_object: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out indexes `hx_...`: they use expressions or operator classes, which Alembic cannot compare."""
    return not (kind == "index" and reflected and compare_to is None and str(name).startswith("hx_"))


run()
