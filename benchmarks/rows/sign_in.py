"""Signing in, and proving it."""

from __future__ import annotations

import json
import os
import time

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Goal, times_original
from benchmarks.population import DOMAIN, PASSWORD, ensure
from heidi_common.passwords import Passwords

VALIDATE, SIGN_IN = 1166, 32
ACCOUNTS = 1000
HASHES = 40


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
    hashing = _seconds_per_hash()
    most = (os.cpu_count() or 1) / hashing
    bodies = [json.dumps({"email": f"person{n}@{DOMAIN}", "password": PASSWORD}) for n in range(1, ACCOUNTS + 1)]
    lines = [f"POST\t/api/v1/auth/login\t{body}" for body in bodies]
    load = bench.load(bench.stage.service("auth"), lines, headers={"Content-Type": "application/json"})
    note = f"argon2id, {hashing * 1000:.1f} ms a hash; {ACCOUNTS} accounts"
    goal = Goal("90 % of cores / hash time", 0.9 * most)
    return [Figure("sign-in", load.rate, "/s", [goal], SIGN_IN, "; ".join(filter(None, (note, load.trouble))))]


def _seconds_per_hash() -> float:
    """Checking one password, alone on the machine: the middle of several."""
    passwords = Passwords()
    stored, found = passwords.hash(PASSWORD), []
    for _ in range(HASHES):
        started = time.perf_counter()
        passwords.verify(stored, PASSWORD)
        found.append(time.perf_counter() - started)
    return sorted(found)[HASHES // 2]
