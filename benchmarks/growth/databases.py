"""Two databases on one PostgreSQL server: one at a size, one at a hundredth of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import create_engine, text

from benchmarks.growth import tables
from heidi_common.app import build_app
from heidi_common.cli.commands import init_migrations
from heidi_services import SERVICES
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests.conftest import ROOT, make_settings


@contextmanager
def filled_databases(scales: Sequence[float], folder: Path | None) -> Iterator[list[Flask]]:
    """Start the servers and fill a database for each scale.

    Args:
        scales: The sizes, as shares of `tables.FULL_SIZE`.
        folder: Where to keep the databases, so that another run finds them. Default: a temporary folder.

    Returns:
        A context manager of one app with all services for each database.
    """
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres, valkey = Postgres(home / "pg", durable=False), Valkey(home / "valkey", durable=False)
        home.mkdir(exist_ok=True)
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        yield [_database(postgres.url, valkey.url(), scale) for scale in scales]


def _database(server_url: str, redis_url: str, scale: float) -> Flask:
    """Return an app on the database of a scale, which is created and filled if it does not exist."""
    name = f"growth_{scale:g}".replace(".", "_")
    with create_engine(server_url, isolation_level="AUTOCOMMIT").connect() as connection:
        exists = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if not exists:
            connection.execute(text(f"CREATE DATABASE {name}"))
    settings = make_settings(server_url.replace("/postgres?", f"/{name}?"), redis_url, request_time_limit=600)
    app = build_app(settings, *SERVICES.values())
    init_migrations(app)
    with app.app_context():
        flask_migrate.upgrade(str(ROOT / "migrations"))
        if not exists:
            print(f"filling {name}", flush=True)
            tables.fill(scale)
    return app
