"""Sign-in and token validation."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, Goal, times_original
from benchmarks.user_fixtures import DOMAIN, PASSWORD, ensure
from heidi_common.identity.password_hashing import PasswordHasher

VALIDATE, SIGN_IN = 1166, 32
ACCOUNTS = 1000
HASHING_SECONDS = 2.0
JSON = {"Content-Type": "application/json"}
FEW_CONNECTIONS = 8
"""Enough to keep every core hashing. Requests in flight at the end are not counted, although their hashes take time."""


def validate(bench: Bench) -> list[Figure]:
    """Validate the same token repeatedly: its signature, session and user are checked each time."""
    bench.ensure_production()
    headers = bench.platform.admin_headers()
    load = bench.load(bench.platform.service("auth"), ["POST\t/api/v1/auth/validate"], headers=headers)
    return [Figure("token validation", load.rate, "/s", [times_original(1.5, VALIDATE)], VALIDATE, load.remark)]


def sign_in(bench: Bench) -> list[Figure]:
    """Sign in to different accounts with the correct password."""
    bench.ensure_production()
    ensure(bench)
    hash_rate = _hash_rate()
    bodies = [json.dumps({"email": f"person{n}@{DOMAIN}", "password": PASSWORD}) for n in range(1, ACCOUNTS + 1)]
    lines = [f"POST\t/api/v1/auth/login\t{body}" for body in bodies]
    load = bench.load(bench.platform.service("auth"), lines, headers=JSON, connections=FEW_CONNECTIONS)
    note = f"argon2id: all cores together verify {hash_rate:.1f} passwords/s; {ACCOUNTS} accounts"
    goal = Goal("90 % of the hash rate of all cores", 0.9 * hash_rate, is_relative=True)
    return [Figure("sign-in", load.rate, "/s", [goal], SIGN_IN, "; ".join(filter(None, (note, load.remark))))]


def _hash_rate() -> float:
    """Return how many passwords all cores together verify per second."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        return sum(pool.map(_verify_repeatedly, [HASHING_SECONDS] * cores))


def _verify_repeatedly(seconds: float) -> float:
    hasher, verified = PasswordHasher(), 0
    stored, started_at = hasher.hash(PASSWORD), time.perf_counter()
    while (elapsed := time.perf_counter() - started_at) < seconds:
        hasher.verify(stored, PASSWORD)
        verified += 1
    return verified / elapsed
