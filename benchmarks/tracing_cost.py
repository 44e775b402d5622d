"""What tracing costs a request whose trace is not recorded: `python -m benchmarks.tracing_cost`.

The same requests are served by an app without tracing and by one whose sampler records nothing, by turns in one
process. CPU time is compared, so that other work on the machine matters little. There is no HTTP server, whose work
would make the share smaller.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import flask_migrate
from flask import Flask
from uuid_utils.compat import uuid7

from heidi_common.app import build_app
from heidi_common.cli.commands import init_migrations
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import MachineClient, Role, User
from heidi_common.jwt import tokens
from heidi_common.tracing import spans
from heidi_services import SERVICES
from heidi_services.city.models import City
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests.conftest import ROOT, make_settings

ROUNDS, REQUESTS = 150, 10
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
FROM_ROUTER = {"traceparent": f"00-{TRACE}-{TRACE[:16]}-01"}
"""What the router sends with a request whose trace it begins."""
OFF = {"otel_exporter_otlp_endpoint": "http://127.0.0.1:4318", "otel_traces_sampler": "parentbased_always_off"}
Send = Callable[[Flask], None]


@contextmanager
def servers() -> Iterator[Settings]:
    """Run PostgreSQL and Valkey while the block lasts."""
    with TemporaryDirectory() as folder:
        postgres, valkey = Postgres(Path(folder, "pg"), durable=False), Valkey(Path(folder, "valkey"), durable=False)
        postgres.start()
        valkey.start()
        try:
            yield make_settings(postgres.url, valkey.url(), log_format="json", log_level="WARNING")
        finally:
            valkey.stop()
            postgres.stop()


def app_with(settings: Settings) -> Flask:
    app = build_app(settings, SERVICES["city"], SERVICES["notification"])
    app.testing = False
    return app


def prepare(app: Flask) -> dict[str, Send]:
    """Migrate, and return the requests to measure, by name."""
    init_migrations(app)
    with app.app_context():
        flask_migrate.upgrade(str(ROOT / "migrations"))
        city = City(id=uuid7(), name="Bern", country="CH", latitude=46.9, longitude=7.4)
        user = User(id=uuid7(), email="ann@example.org", role=Role.USER)
        client = MachineClient(id=uuid7(), name="machine", secret_hash="-", scopes=["notifications:write"])
        with transaction():
            db.session.add_all([city, user, client])
        paths = f"/api/v1/cities/{city.id}", "/api/v1/notifications"
        body = {"userId": str(user.id), "channel": "EMAIL", "content": "Hello"}
        token = tokens.sign(str(client.id), "access", {"scope": "notifications:write"})
    headers = FROM_ROUTER | {"Authorization": f"Bearer {token}"}

    def read(app: Flask) -> None:
        assert app.test_client().get(paths[0], headers=FROM_ROUTER).status_code == 200

    def post(app: Flask) -> None:
        assert app.test_client().post(paths[1], json=body, headers=headers).status_code == 202

    return {"GET /api/v1/cities/{id}": read, "POST /api/v1/notifications": post}


def cpu_seconds(send: Send, app: Flask) -> float:
    """CPU time of this process for REQUESTS requests."""
    started = time.process_time()
    for _ in range(REQUESTS):
        send(app)
    return time.process_time() - started


def fastest_tenth(times: list[float]) -> float:
    """The tenth percentile: other work on the machine only adds to CPU times."""
    return statistics.quantiles(times, n=10)[0]


def main() -> None:
    with servers() as settings:
        plain, sdk = app_with(settings), None
        traced = app_with(settings.changed(**OFF))
        sdk = spans._sdk
        requests = prepare(plain)
        for name, send in requests.items():
            variants = [(plain, None), (traced, sdk)]
            off: list[float] = []
            unsampled: list[float] = []
            for number in range(ROUNDS):
                for app, module in variants[:: (-1) ** number]:
                    spans._sdk = module
                    (off if module is None else unsampled).append(cpu_seconds(send, app))
            before, after = (fastest_tenth(times) / REQUESTS * 1e6 for times in (off, unsampled))
            print(f"{name}: {before:.0f} us without tracing, {after:.0f} us with it ({after / before - 1:+.1%})")
        spans.stop()


if __name__ == "__main__":
    main()
