"""A million users: pages at any depth and in every order, filters and searches, timed in the database.

    python -m benchmarks.million_users [--count 1000000]

Runs its own PostgreSQL in a temporary folder. The exit code is 1 if a page takes 5 ms or a search 50 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import Select, text, tuple_

from heidi_common.app import build_app
from heidi_common.cli.commands import init_migrations
from heidi_common.database.session import db
from heidi_common.identity.models import User
from heidi_services import SERVICES
from heidi_services.users.schemas import UserListQuery
from heidi_services.users.service.queries import ORDERS, filter_statement
from heidi_standalone.servers.postgres import Postgres
from tests.conftest import ROOT, make_settings

PAGE_MS, SEARCH_MS = 5.0, 50.0
FILL = """INSERT INTO users (id, email, role, first_name, last_name, is_active, created_at, updated_at, deleted_at)
    SELECT gen_random_uuid(), lower(first || '.' || last) || n || '@example.test',
           CASE WHEN n % 100000 = 0 THEN 'ADMIN' WHEN n % 5000 = 0 THEN 'MODERATOR' ELSE 'USER' END,
           first, last, n % 1000 <> 0, created_at, created_at, CASE WHEN n % 30 = 0 THEN now() END
    FROM (SELECT n, timestamptz '2020-01-01' + n * interval '3 minutes' AS created_at,
                 (ARRAY['Ada','Bo','Chloe','Dmitri','Eva','Farid','Grace','Hugo','Ines','Jo'])[1 + n % 10] AS first,
                 (ARRAY['Novak','Smith','Garcia','Meier','Ito','Okafor','Lind'])[1 + n % 7]
                     || to_hex(n % 4096) AS last
          FROM generate_series(1, :count) n) generated"""
PAGES: list[dict[str, str]] = [
    {},
    {"sort": "createdAt"},
    {"sort": "email"},
    {"sort": "-email"},
    {"includeDeleted": "true"},
    {"includeDeleted": "true", "sort": "email"},
    {"role": "ADMIN"},
    {"role": "MODERATOR", "sort": "email"},
    {"isActive": "false"},
    {"isActive": "true"},
    {"createdFrom": "2021-01-01T00:00:00Z", "createdTo": "2021-01-02T00:00:00Z"},
]
SEARCHES = [
    "a",
    "zz",
    "jo",
    "ada",
    "novak",
    "smith1a",
    "chloe.ito77",
    "nobody at all",
    "@example.test",
    "12345",
    "a%b",
    "xqzj",
]


def main() -> int:
    count = _arguments().count
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder) / "pg", durable=False)
        server.start()
        try:
            app = build_app(make_settings(server.url, "redis://127.0.0.1:1/0"), SERVICES["users"])
            init_migrations(app)
            with app.app_context():
                flask_migrate.upgrade(str(ROOT / "migrations"))
                _fill(count)
                return _measure(count)
        finally:
            server.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    return parser.parse_args()


def _fill(count: int) -> None:
    started_at = time.perf_counter()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text(FILL), {"count": count})
        connection.execute(text("VACUUM (ANALYZE) users"))
    print(f"{count:,} users in {time.perf_counter() - started_at:.0f} s")


def _measure(count: int) -> int:
    slow = 0
    for query in PAGES:
        for depth in (0, count // 2, count - 100):
            slow += _report(f"page {query} at {depth:,}", _database_ms(_page(query, depth)), PAGE_MS)
    for q in SEARCHES:
        slow += _report(f"search {q!r}", _database_ms(_page({"q": q}, 0)), SEARCH_MS)
    return 1 if slow else 0


def _report(query: str, milliseconds: float, limit: float) -> bool:
    """Print a time; returns whether it is too long."""
    too_slow = milliseconds >= limit
    print(f"{milliseconds:8.2f} ms  {query}{'   TOO SLOW' if too_slow else ''}")
    return too_slow


def _page(query: dict[str, str], depth: int) -> Select[Any]:
    """Make the statement of a page that starts after `depth` rows of the whole table."""
    parameters = UserListQuery().load(query)
    sort = parameters["sort"]
    order, descending = ORDERS[sort.removeprefix("-")], sort.startswith("-")
    statement, values = filter_statement(parameters)
    columns = [order.desc(), User.id.desc()] if descending else [order, User.id]
    if depth:
        after = db.session.execute(db.select(order, User.id).order_by(*columns).offset(depth).limit(1)).one()
        position, start = tuple_(order, User.id), tuple_(*after)
        statement = statement.where(position < start if descending else position > start)
    return statement.order_by(*columns).limit(21).params(values)


def _database_ms(statement: Select[Any]) -> float:
    """Return the median of five times of planning and execution in the server, in milliseconds."""
    sql = statement.compile(db.engine)
    times = []
    for _ in range(5):
        plan = db.session.connection().exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", sql.params).scalar_one()
        times.append(plan[0]["Planning Time"] + plan[0]["Execution Time"])
    return float(sorted(times)[2])


if __name__ == "__main__":
    sys.exit(main())
