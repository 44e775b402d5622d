"""Signing in, and proving it."""

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
FEW = 8
"""Enough to keep every core hashing: what the warm-up and the end leave unanswered is work that counts for nothing."""


def validate(bench: Bench) -> list[Figure]:
    """One token over and over: signature, session and person are looked at each time."""
    bench.produce()
    headers = bench.stage.admin()
    load = bench.load(bench.stage.service("auth"), ["POST\t/api/v1/auth/validate"], headers=headers)
    return [Figure("token validation", load.rate, "/s", [times_original(1.5, VALIDATE)], VALIDATE, load.trouble)]


def sign_in(bench: Bench) -> list[Figure]:
    """Different accounts in turn, each with its own right password."""
    bench.produce()
    ensure(bench)
    most = _hashes_a_second()
    bodies = [json.dumps({"email": f"person{n}@{DOMAIN}", "password": PASSWORD}) for n in range(1, ACCOUNTS + 1)]
    lines = [f"POST\t/api/v1/auth/login\t{body}" for body in bodies]
    load = bench.load(bench.stage.service("auth"), lines, headers=JSON, connections=FEW)
    note = f"argon2id: all cores check {most:.1f} passwords a second; {ACCOUNTS} accounts"
    goal = Goal("90 % of cores / hash time, all cores hashing", 0.9 * most)
    return [Figure("sign-in", load.rate, "/s", [goal], SIGN_IN, "; ".join(filter(None, (note, load.trouble))))]


def _hashes_a_second() -> float:
    """Passwords that all cores together check in a second, each core at one after the other."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        return sum(pool.map(_check, [HASHING_SECONDS] * cores))


def _check(seconds: float) -> float:
    passwords, done = PasswordHasher(), 0
    stored, started = passwords.hash(PASSWORD), time.perf_counter()
    while (taken := time.perf_counter() - started) < seconds:
        passwords.verify(stored, PASSWORD)
        done += 1
    return done / taken
