"""The database: declarative base, the Entity mixin and the one place that commits."""

from __future__ import annotations

import time
from typing import Any

import psycopg2
from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, exc
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from heidi_common.config.settings import Settings
from heidi_common.database.models import Base
from heidi_common.problems import Unavailable

_IDLE_SINCE = "heidi_resting_since"
IDLE_CHECK_SECONDS = 2


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
def _record_checkin(driver: Any, record: ConnectionPoolEntry) -> None:
    if driver is not None and not driver.closed and driver.autocommit:  # whoever had it was interrupted
        driver.autocommit = False
    record.info[_IDLE_SINCE] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _check_alive(driver: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask a connection that has rested for a while whether it still lives: a restarted database costs no answer.

    `pool_pre_ping` would ask each time, a round trip for every request.
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
    """A request that has used up its time does not begin another statement."""
    if g and time.monotonic() > g.get("deadline", float("inf")):
        raise Unavailable("The time limit of a request is passed.", code="time_limit")
