"""Reading people, as an administrator."""

from __future__ import annotations

import requests

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, times_original
from benchmarks.user_fixtures import DOMAIN, ensure

FIRST, DEEP, BY_ID = 445, 215, 1040
"""The original's requests a second: its pages get slower the deeper they are."""


def pages(bench: Bench) -> list[Figure]:
    """20 people on a page: the first one, and one in the middle of all."""
    bench.produce()
    people = ensure(bench)
    headers, base = bench.stage.admin(), bench.stage.service("users")
    depth = people // 2
    cursor = _cursor(base, headers, depth)
    first = bench.load(base, ["GET\t/api/v1/users"], headers=headers)
    deep = bench.load(base, [f"GET\t/api/v1/users?cursor={cursor}"], headers=headers)
    return [
        Figure("users page, the first", first.rate, "/s", [times_original(3, FIRST)], FIRST, first.trouble),
        Figure(f"users page, {depth:,} deep", deep.rate, "/s", [times_original(3, FIRST)], DEEP, deep.trouble),
    ]


def single(bench: Bench) -> list[Figure]:
    bench.produce()
    ensure(bench)
    ids = bench.stage.query(
        f"SELECT id::text FROM users WHERE email LIKE '%%@{DOMAIN}' ORDER BY md5(id::text) LIMIT 20000"
    )
    requests_ = [f"GET\t/api/v1/users/{found}" for (found,) in ids]
    load = bench.load(bench.stage.service("users"), requests_, headers=bench.stage.admin())
    note = "; ".join(filter(None, ("many ids, token checked", load.trouble)))
    return [Figure("user by id", load.rate, "/s", [times_original(1.3, BY_ID)], BY_ID, note)]


def _cursor(base: str, headers: dict[str, str], depth: int) -> str:
    """Paging on as a client does: a cursor cannot be made up."""
    cursor: str | None = None
    with requests.Session() as session:
        for _ in range(depth // 100):
            query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            answer = session.get(f"{base}/api/v1/users", params=query, headers=headers, timeout=30)
            answer.raise_for_status()
            cursor = answer.json()["meta"]["nextCursor"]
    assert cursor is not None
    return cursor
