"""The relay: events get their positions in the log, the inbox rows of their subscribers and wake-up messages."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from psycopg2.extras import execute_values
from uuid_utils.compat import uuid7

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_least
from benchmarks.platform_under_test import wait_until
from benchmarks.scenarios.pending import UNSENT

EVENTS = 10_000
TIMEOUT_SECONDS = 120
INBOX_ROWS = "SELECT count(*) FROM inbox WHERE consumer = 'renew_city_answers' AND created_at >= %s"
HANDLED = f"{INBOX_ROWS} AND status = 'done'"


def relay(bench: Bench) -> list[Figure]:
    """Relay `city.updated` events that are committed together and have one subscriber each."""
    bench.ensure_production()
    platform, number = bench.platform, bench.scaled(EVENTS)
    wait_until(lambda: not platform.scalar(UNSENT), TIMEOUT_SECONDS)
    since = platform.scalar("SELECT now()")
    started_at = insert_events(bench, number)
    relayed = wait_until(lambda: not platform.scalar(UNSENT), TIMEOUT_SECONDS, every=0.02)
    seconds = time.monotonic() - started_at
    rows = platform.scalar(INBOX_ROWS, since)
    wait_until(lambda: platform.scalar(HANDLED, since) >= rows, TIMEOUT_SECONDS, every=0.2)
    handled_after = time.monotonic() - started_at
    note = f"{number:,} events, {rows:,} inbox rows; all handled by their subscriber after {handled_after:.1f} s"
    rate = number / seconds if relayed and rows == number else 0.0
    return [Figure("relay: events positioned and fanned out", rate, "/s", [at_least(2000, "/s")], note=note)]


def insert_events(bench: Bench, number: int) -> float:
    """Insert events in one transaction; returns the time of its commit."""
    now = datetime.now(UTC)
    data = json.dumps({"id": bench.city_ids[0], "country": "CH", "changed": ["population"]})
    rows = [(str(uuid7()), "city.updated", bench.city_ids[n % 1000], data, now) for n in range(number)]
    connection = bench.platform.connect()
    connection.autocommit = False
    with connection, connection.cursor() as cursor:
        insert = "INSERT INTO outbox (id, type, subject, data, created_at) VALUES %s"
        execute_values(cursor, insert, rows, page_size=1000)
        cursor.execute("NOTIFY outbox")
    connection.close()
    return time.monotonic()
