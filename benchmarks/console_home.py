"""The console's home page with a million users and a million messages: server time, size, and memory.

    make run                                  # in another terminal, with an empty HEIDI_HOME: its data is kept
    python -m benchmarks.console_home [--users 1000000] [--notifications 1000000] [--requests 40]

Fills the database of the running platform, signs in as its administrator, and reads the page. The exit code is 1 if the
median exceeds 150 ms, the page 150 KB, or the console's processes 90 MB of memory (PSS).
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from pathlib import Path

import requests
from sqlalchemy import create_engine, text

from benchmarks.million_users import FILL

HOME = Path(os.environ.get("HEIDI_HOME", ".heidi"))
URL = f"http://localhost:{os.environ.get('HEIDI_PORT', '8080')}/console"
MAX_MS, MAX_BYTES, MAX_MEGABYTES = 150.0, 150_000, 90.0
FILL_NOTIFICATIONS = """INSERT INTO notifications (id, user_id, type, channel, category, subject, content, status,
        created_at, updated_at, sent_at)
    SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), 'INFO', 'EMAIL', 'general', 'Your order',
           'It has arrived.', CASE WHEN n % 3000 = 1 THEN 'FAILED' ELSE 'SENT' END, at, at, at
    FROM (SELECT n, now() - n * interval '2 seconds' AS at FROM generate_series(1, :count) n) generated"""


def main() -> int:
    options = _options()
    _fill(options.users, options.notifications)
    session = _signed_in()
    session.get(f"{URL}/")  # the first one fills caches
    pages = [_timed(session) for _ in range(options.requests)]
    median, worst = statistics.median(ms for ms, _ in pages), max(ms for ms, _ in pages)
    size, memory = max(size for _, size in pages), _console_memory()
    print(
        f"home page: median {median:.0f} ms, highest {worst:.0f} ms, {size / 1000:.0f} KB; console {memory:.0f} MB PSS"
    )
    return int(median > MAX_MS or size > MAX_BYTES or memory > MAX_MEGABYTES)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--notifications", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=40)
    return parser.parse_args()


def _fill(users: int, notifications: int) -> None:
    """Add the rows that are missing."""
    variables = dict(re.findall(r"^(\w+)='(.*)'$", (HOME / "env").read_text(), re.M))
    engine = create_engine(variables["DATABASE_URL"])
    for table, count, statement in (("users", users, FILL), ("notifications", notifications, FILL_NOTIFICATIONS)):
        with engine.begin() as connection:
            missing = count - (connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # nosec B608
            if missing > 1000:
                connection.execute(text(statement), {"count": missing})
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM ANALYZE {table}"))


def _signed_in() -> requests.Session:
    email, password = (HOME / "admin.txt").read_text().split()
    session = requests.Session()
    token = re.search(r'name="csrf_token" value="([^"]+)"', session.get(f"{URL}/sign-in").text)
    assert token
    form = {"email": email, "password": password, "csrf_token": token[1], "next": "/console/"}
    response = session.post(f"{URL}/sign-in", data=form, headers={"Origin": URL.removesuffix("/console")})
    assert response.url == f"{URL}/", response.url
    return session


def _timed(session: requests.Session) -> tuple[float, int]:
    started = time.perf_counter()
    response = session.get(f"{URL}/")
    response.raise_for_status()
    return (time.perf_counter() - started) * 1000, len(response.content)


def _console_memory() -> float:
    """The memory of the console's processes that belong to this HEIDI_HOME's platform, in MB."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            if "heidi-console" in command:
                total += int(re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.M)[1])  # type: ignore[index]
        except (OSError, TypeError):
            continue
    return total / 1024


if __name__ == "__main__":
    sys.exit(main())
