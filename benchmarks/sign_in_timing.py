"""Checks that the response time of a failed sign-in does not reveal its reason.

Signs in with unknown, inactive, deleted and locked accounts and with wrong passwords, in turn.

    python -m benchmarks.sign_in_timing [--samples 60]

Runs its own servers. A Mann-Whitney U test compares each reason with a wrong password. The exit code is 1 if one of
them differs (p < 0.001) by more than a millisecond.
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

REASONS = ("wrong", "unknown", "inactive", "deleted", "locked")
UNLIMITED = 1_000_000


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
            # The throttles would respond 429 after ten failures: here only the lock of accounts is enabled.
            limits = {
                "throttle_pair_failures": UNLIMITED,
                "throttle_address_failures": UNLIMITED,
                "throttle_account_failures": UNLIMITED,
            }
            app = build_app(make_settings(database.url, cache.url(), **limits), SERVICES["auth"])
            init_migrations(app)
            with app.app_context():
                flask_migrate.upgrade(str(ROOT / "migrations"))
                _prepare(app)
            return _report(_measure(app, samples))
        finally:
            cache.stop()
            database.stop()


def _prepare(app: Flask) -> None:
    for name in REASONS:
        if name != "unknown":
            register(app.test_client(), f"{name}@example.test")
    with transaction():
        db.session.query(User).filter_by(email="inactive@example.test").one().is_active = False
        db.session.query(User).filter_by(email="deleted@example.test").one().deleted_at = utcnow()
    redis_client().set(f"heidi:throttle:{login_throttle.account_limit('locked@example.test').key}", UNLIMITED, ex=3600)


def _measure(app: Flask, samples: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in REASONS}
    environ = {"REMOTE_ADDR": "203.0.113.7"}
    for number in range(samples + 5):
        for name in REASONS:
            password = "not-her-password-1" if name == "wrong" else PASSWORD
            started_at = time.perf_counter()
            response = login(app.test_client(), f"{name}@example.test", password, environ_base=environ)
            milliseconds = (time.perf_counter() - started_at) * 1000
            assert response.status_code == 401, (name, response.text)
            if number >= 5:
                times[name].append(milliseconds)
    return times


def _report(times: dict[str, list[float]]) -> int:
    """Print the times of each reason; returns the exit code."""
    wrong, differing = times["wrong"], 0
    for name, sample in times.items():
        median, p = statistics.median(sample), _p_value(sample, wrong)
        gap = median - statistics.median(wrong)
        differs = p < 0.001 and abs(gap) > 1.0
        differing += differs
        verdict = "   DIFFERS" if differs else ""
        print(f"{name:<10} median {median:7.2f} ms  compared with `wrong` {gap:+.2f} ms  p={p:.3f}{verdict}")
    return 1 if differing else 0


def _p_value(sample: list[float], other: list[float]) -> float:
    """Two-sided Mann-Whitney U test by its normal approximation, which is valid from about twenty samples on."""
    wins = sum((a > b) + 0.5 * (a == b) for a in sample for b in other)
    pairs = len(sample) * len(other)
    mean, spread = pairs / 2, math.sqrt(pairs * (len(sample) + len(other) + 1) / 12)
    return math.erfc(abs(wins - mean) / spread / math.sqrt(2))


if __name__ == "__main__":
    sys.exit(main())
