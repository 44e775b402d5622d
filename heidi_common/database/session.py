"""The engine and the session (`db`), the check of idle connections, and the deadline of a request."""

from __future__ import annotations

import time
from typing import Any

import orjson
import psycopg2
from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, exc
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from heidi_common.config.settings import Settings
from heidi_common.database.fair_pool import FairQueuePool
from heidi_common.database.models import Base
from heidi_common.database.query_log import driver_options
from heidi_common.database.role_settings import session_parameters
from heidi_common.problems import Unavailable

_IDLE_SINCE = "heidi_idle_since"
IDLE_CHECK_SECONDS = 2
"""A pooled connection that was idle for this long is checked before it is used."""


# model_class=Base fails when Base has a type_annotation_map (Flask-SQLAlchemy 3.1): share the metadata instead.
db = SQLAlchemy(metadata=Base.metadata)


def init_db(app: Flask, settings: Settings) -> None:
    """Bind the engine to the app. The server cancels statements that exceed the request's time limit.

    Args:
        app: Its name becomes the `application_name` of the connections.
        settings: The URL, the pool sizes, and the request's time limit in seconds.
    """
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "poolclass": FairQueuePool,
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": 5,
        "pool_recycle": 1800,
        "pool_use_lifo": True,
        # JSONB writes 1e30 with all its digits: read as an integer, it would exceed what a response can contain.
        "json_deserializer": orjson.loads,
        "hide_parameters": True,  # error texts go into logs and dead letters: they must not contain personal data
        "connect_args": {
            "connect_timeout": 5,
            "application_name": app.name,
            **_session_options(settings),
            **driver_options(settings),
        },
    }
    db.init_app(app)


def _session_options(settings: Settings) -> dict[str, str]:
    """The parameters of sessions. PgBouncer refuses them: then they are settings of the role, by `flask prepare`."""
    if settings.database_direct_url:
        return {}
    parameters = session_parameters(settings.request_time_limit)
    return {"options": " ".join(f"-c {name}={value}" for name, value in parameters.items())}


@event.listens_for(Pool, "checkin")
def _record_checkin(driver: Any, record: ConnectionPoolEntry) -> None:
    if driver is not None and not driver.closed and driver.autocommit:  # its user was interrupted before the reset
        driver.autocommit = False
    record.info[_IDLE_SINCE] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _check_alive(driver: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Check a connection that was idle for a while, so that a database restart does not fail a request.

    `pool_pre_ping` would check at every checkout, which costs each request a round trip.
    """
    if time.monotonic() - record.info.get(_IDLE_SINCE, float("inf")) < IDLE_CHECK_SECONDS:
        return
    try:
        driver.cursor().execute("SELECT 1")
        driver.rollback()
    except psycopg2.Error:
        raise exc.DisconnectionError from None


@event.listens_for(Engine, "before_cursor_execute")
def check_deadline(*_args: object) -> None:
    """Refuse to start another statement for a request that has exceeded its time limit.

    Raises:
        Unavailable: `time_limit`. The deadline is `g.deadline`, in seconds of `time.monotonic()`.
    """
    if g and time.monotonic() > g.get("deadline", float("inf")):
        raise Unavailable("The request exceeded its time limit.", code="time_limit")
