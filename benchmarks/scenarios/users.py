"""Reads of users by an administrator."""

from __future__ import annotations

import requests

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, times_original
from benchmarks.user_fixtures import DOMAIN, ensure

FIRST, DEEP, BY_ID = 445, 215, 1040
"""Requests per second of the NestJS original, whose pages are slower the deeper they are."""


def pages(bench: Bench) -> list[Figure]:
    """Read the first page of 20 users, and one in the middle of all users."""
    bench.ensure_production()
    count = ensure(bench)
    headers, base = bench.platform.admin_headers(), bench.platform.service("users")
    depth = count // 2
    cursor = _cursor(base, headers, depth)
    first = bench.load(base, ["GET\t/api/v1/users"], headers=headers)
    deep = bench.load(base, [f"GET\t/api/v1/users?cursor={cursor}"], headers=headers)
    return [
        Figure("users page, the first", first.rate, "/s", [times_original(3, FIRST)], FIRST, first.remark),
        Figure(f"users page, {depth:,} deep", deep.rate, "/s", [times_original(3, FIRST)], DEEP, deep.remark),
    ]


def single(bench: Bench) -> list[Figure]:
    bench.ensure_production()
    ensure(bench)
    ids = bench.platform.query(
        f"SELECT id::text FROM users WHERE email LIKE '%%@{DOMAIN}' ORDER BY md5(id::text) LIMIT 20000"
    )
    lines = [f"GET\t/api/v1/users/{user_id}" for (user_id,) in ids]
    load = bench.load(bench.platform.service("users"), lines, headers=bench.platform.admin_headers())
    note = "; ".join(filter(None, ("many IDs, token checked", load.remark)))
    return [Figure("user by id", load.rate, "/s", [times_original(1.3, BY_ID)], BY_ID, note)]


def _cursor(base: str, headers: dict[str, str], depth: int) -> str:
    """Follow the pages to a depth, since cursors are signed and cannot be constructed."""
    cursor: str | None = None
    with requests.Session() as session:
        for _ in range(depth // 100):
            query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            response = session.get(f"{base}/api/v1/users", params=query, headers=headers, timeout=30)
            response.raise_for_status()
            cursor = response.json()["meta"]["nextCursor"]
    assert cursor is not None
    return cursor
