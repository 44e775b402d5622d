"""Does the time of a refusal tell why? Unknown, wrong, inactive, deleted and softly locked accounts, interleaved.

    python -m benchmarks.sign_in_timing [--samples 60]

Runs its own servers; a Mann-Whitney U test compares each reason with `wrong`. Ends with 1 when one of them differs
(p < 0.001) by more than a millisecond.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import flask_migrate
from flask import Flask

from heidi_common.app import build_app
from heidi_common.cli.commands import init_migrations
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle
from heidi_common.identity.models import User
from heidi_common.redis.client import redis_client
from heidi_services import SERVICES
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey
from tests.auth.helpers import PASSWORD, login, register
from tests.conftest import ROOT, make_settings

PEOPLE = ("wrong", "unknown", "inactive", "deleted", "locked")
MANY = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=60)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder:
        database = Postgres(Path(folder) / "pg", durable=False)
        cache = Valkey(Path(folder) / "valkey", durable=False)
        database.start()
        cache.start()
        try:
            # The throttles would answer 429 after ten: here only the soft lock is left on.
            limits = {
                "throttle_pair_failures": MANY,
                "throttle_address_failures": MANY,
                "throttle_account_failures": MANY,
            }
            app = build_app(make_settings(database.url, cache.url(), **limits), SERVICES["auth"])
            init_migrations(app)
            with app.app_context():
                flask_migrate.upgrade(str(ROOT / "migrations"))
                _prepare(app)
            return _judge(_measure(app, samples))
        finally:
            cache.stop()
            database.stop()


def _prepare(app: Flask) -> None:
    for name in PEOPLE:
        if name != "unknown":
            register(app.test_client(), f"{name}@example.test")
    with transaction():
        db.session.query(User).filter_by(email="inactive@example.test").one().is_active = False
        db.session.query(User).filter_by(email="deleted@example.test").one().deleted_at = utcnow()
    redis_client().set(f"heidi:throttle:{login_throttle.account_limit('locked@example.test').key}", MANY, ex=3600)


def _measure(app: Flask, samples: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in PEOPLE}
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    for number in range(samples + 5):
        for name in PEOPLE:
            password = "not-her-password-1" if name == "wrong" else PASSWORD
            begun = time.perf_counter()
            answer = login(app.test_client(), f"{name}@example.test", password, environ_base=elsewhere)
            took = (time.perf_counter() - begun) * 1000
            assert answer.status_code == 401, (name, answer.text)
            if number >= 5:
                found[name].append(took)
    return found


def _judge(found: dict[str, list[float]]) -> int:
    telling = 0
    for name, times in found.items():
        p, gap = _p_value(times, found["wrong"]), statistics.median(times) - statistics.median(found["wrong"])
        tells = p < 0.001 and abs(gap) > 1.0
        telling += tells
        verdict = "   TELLS" if tells else ""
        print(
            f"{name:<10} median {statistics.median(times):7.2f} ms  against `wrong` {gap:+.2f} ms  p={p:.3f}{verdict}"
        )
    return 1 if telling else 0


def _p_value(one: list[float], two: list[float]) -> float:
    """Two-sided Mann-Whitney U by its normal approximation (good from about twenty samples on)."""
    wins = sum((a > b) + 0.5 * (a == b) for a in one for b in two)
    mean, spread = len(one) * len(two) / 2, math.sqrt(len(one) * len(two) * (len(one) + len(two) + 1) / 12)
    return math.erfc(abs(wins - mean) / spread / math.sqrt(2))


if __name__ == "__main__":
    sys.exit(main())
