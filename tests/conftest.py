"""Real servers for all tests of a pytest process: PostgreSQL, set up by the migrations, and Valkey."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text
from uuid_utils.compat import uuid7

from heidi_common.app import base_app, build_app
from heidi_common.audit import sampler
from heidi_common.audit.rejections import token_failure_sampler
from heidi_common.cli.commands import init_migrations
from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import password_hashing
from heidi_common.identity.models import MachineClient, Role, Session, User
from heidi_common.jwt import keys, tokens
from heidi_common.peers.client import call_peer, call_peers
from heidi_common.redis.client import redis_client
from heidi_common.runtime import current_runtime
from heidi_services import SERVICES
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests import pgbouncer
from tests.empty_tables import empty_tables

pytest_plugins = ("tests.fixtures_rabbitmq",)

ROOT = Path(__file__).parent.parent
SIGNING_KEY = keys.generate_key()
LONG_TIMEOUTS = "&socket_timeout=60&socket_connect_timeout=60"

# The same examples in each run, without deadlines for slow machines.
hypothesis_settings.register_profile(
    "heidi", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("heidi")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are CPUs, since many tests wait for processes that they have started."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _long_timeouts() -> Iterator[None]:
    """Raise the time limits of the services, which would make tests fail on a machine that stalls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password_hashing, "WAIT_SECONDS", 120.0)
        patch.setattr(sampler, "WINDOW_SECONDS", 3600)
        for call in (call_peer, call_peers):
            patch.setitem(call.__kwdefaults__, "timeout", 60.0)
        yield


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Postgres(tmp_path_factory.mktemp("pg") / "data", durable=False)
    server.start()
    with create_engine(server.url, isolation_level="AUTOCOMMIT").connect() as connection:
        # It would change the order of rows, and plans, in the middle of a test.
        connection.execute(text("ALTER SYSTEM SET autovacuum = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def database_urls(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings of the database. With HEIDI_TEST_PGBOUNCER=1, all but direct connections use PgBouncer."""
    if not os.environ.get("HEIDI_TEST_PGBOUNCER"):
        yield {"database_url": database_url}
        return
    with pgbouncer.running(database_url, tmp_path_factory.mktemp("pgbouncer")) as pooled_url:
        yield {"database_url": pooled_url, "database_direct_url": database_url}


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Valkey(tmp_path_factory.mktemp("valkey"), durable=False)
    server.start()
    yield server.url() + LONG_TIMEOUTS
    server.stop()


def make_settings(database_url: str, redis_url: str, **changes: object) -> Settings:
    """Make the settings of a platform under test."""
    values: dict[str, object] = {
        "environment": "test",
        "database_url": database_url,
        "redis_url": redis_url,
        "broker_url": redis_url.replace("?db=0", "?db=1"),
        "public_base_url": "http://heidi.test",
        "secret_key": "a test's secret, 32 characters or more",
        "encryption_keys": (base64.b64encode(bytes(range(32))).decode(),),
        "jwt_private_keys": json.dumps({"keys": [SIGNING_KEY]}),
        "jwt_public_keys": json.dumps(keys.public_set([SIGNING_KEY])),
        "database_pool_size": 20,
        "outbound_allow_nets": (ip_network("127.0.0.0/8"),),
        "log_level": "WARNING",
        "log_format": "console",
    }
    return Settings(**values).changed(**changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def settings(database_urls: dict[str, str], redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = str(tmp_path_factory.mktemp("files"))
    return make_settings(redis_url=redis_url, files_path=folder, **database_urls)


@pytest.fixture(scope="session")
def platform(settings: Settings) -> Flask:
    """All services in one app, on a migrated database.

    With HEIDI_TEST_SERVICES=users,auth only these are loaded, which is faster when only their tests are run.
    """
    names = os.environ.get("HEIDI_TEST_SERVICES", "")
    app = build_app(settings, *(service for name, service in SERVICES.items() if not names or name in names.split(",")))
    app.testing = False
    app.teardown_request(_end_deadline)
    init_migrations(app)
    with app.app_context():
        flask_migrate.upgrade(str(ROOT / "migrations"))
    return app


def _end_deadline(_error: BaseException | None) -> None:
    """A request shares the app context of its test, whose later statements its time limit does not concern."""
    g.pop("deadline", None)


@pytest.fixture
def app(platform: Flask) -> Iterator[Flask]:
    """The platform with empty tables and an empty cache, in an app context."""
    with platform.app_context():
        _empty()
        yield platform
        db.session.remove()


def _empty() -> None:
    empty_tables()
    redis_client().flushall()
    current_runtime().instances.pop(token_failure_sampler, None)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@dataclass(frozen=True)
class SignedIn:
    """A user with a session; requests with `headers` are authenticated."""

    user: User
    session_id: object
    headers: dict[str, str]


@pytest.fixture
def scratch(settings: Settings) -> Iterator[Flask]:
    """An app on its own, empty database."""
    name = f"scratch_{uuid.uuid4().hex}"
    with create_engine(settings.direct_database_url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    urls = {
        field: url.replace("/postgres?", f"/{name}?")
        for field in ("database_url", "database_direct_url")
        if (url := getattr(settings, field))
    }
    app = base_app(replace(settings, **urls), "scratch")
    init_migrations(app)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def as_user(app: Flask) -> Callable[..., SignedIn]:
    """Create a verified user with a session: `as_user(Role.ADMIN, email="a@b.test")`."""

    def create(role: Role = Role.USER, **fields: object) -> SignedIn:
        now = utcnow()
        # Decimal digits only: a search for "ada" could match a hexadecimal number.
        user = User(
            **({"id": uuid7(), "email": f"{uuid7().int}@example.test", "role": role, "email_verified_at": now} | fields)
        )
        session = Session(
            id=uuid7(),
            user_id=user.id,
            rotated_at=now,
            created_at=now,
            idle_expires_at=now + timedelta(days=7),
            absolute_expires_at=now + timedelta(days=30),
        )
        with transaction():
            db.session.add(user)
            db.session.flush()
            db.session.add(session)
        claims = {"sid": str(session.id), "ver": user.token_version, "role": role.value, "scope": ""}
        token = tokens.sign(str(user.id), "access", claims)
        return SignedIn(user, session.id, {"Authorization": f"Bearer {token}"})

    return create


@pytest.fixture
def as_client(app: Flask) -> Callable[..., dict[str, str]]:
    """Create a machine client: `as_client("notifications:write")` returns its headers."""

    def create(*scopes: str) -> dict[str, str]:
        row = MachineClient(id=uuid7(), name="machine", secret_hash="-", scopes=list(scopes))
        with transaction():
            db.session.add(row)
        token = tokens.sign(str(row.id), "access", {"scope": " ".join(scopes)})
        return {"Authorization": f"Bearer {token}"}

    return create
