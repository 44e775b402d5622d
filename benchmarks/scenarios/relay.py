"""The relay: facts that got their place in the log, their subscribers' rows and their hints."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from psycopg2.extras import execute_values
from uuid_utils.compat import uuid7

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_least
from benchmarks.platform_under_test import wait_until

FACTS = 10_000
PATIENCE = 120
UNSENT = "SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"
TOLD = "SELECT count(*) FROM inbox WHERE consumer = 'renew_city_answers' AND created_at >= %s"
TAKEN_IN = f"{TOLD} AND status = 'done'"


def relay(bench: Bench) -> list[Figure]:
    """`city.updated` facts, each with one subscriber, committed together."""
    bench.produce()
    stage, number = bench.stage, bench.many(FACTS)
    wait_until(lambda: not stage.one(UNSENT), PATIENCE)
    begun = stage.one("SELECT now()")
    started = _say(bench, number)
    relayed = wait_until(lambda: not stage.one(UNSENT), PATIENCE, every=0.02)
    seconds = time.monotonic() - started
    told = stage.one(TOLD, begun)
    wait_until(lambda: stage.one(TAKEN_IN, begun) >= told, PATIENCE, every=0.2)
    digested = time.monotonic() - started
    note = f"{number:,} facts, {told:,} inbox rows; all taken in by their subscriber after {digested:.1f} s"
    rate = number / seconds if relayed and told == number else 0.0
    return [Figure("relay, facts stamped and fanned out", rate, "/s", [at_least(2000, "/s")], note=note)]


def _say(bench: Bench, number: int) -> float:
    """The moment of the commit."""
    now = datetime.now(UTC)
    data = json.dumps({"id": bench.city_ids[0], "country": "CH", "changed": ["population"]})
    rows = [(str(uuid7()), "city.updated", bench.city_ids[n % 1000], data, now) for n in range(number)]
    connection = bench.stage.connect()
    connection.autocommit = False
    with connection, connection.cursor() as cursor:
        insert = "INSERT INTO outbox (id, type, subject, data, created_at) VALUES %s"
        execute_values(cursor, insert, rows, page_size=1000)
        cursor.execute("NOTIFY outbox")
    connection.close()
    return time.monotonic()
