"""Memory of the processes of `make run`, with its default settings, after some of each kind of work."""

from __future__ import annotations

import json
import time

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.scenarios.cities import anywhere
from benchmarks.scenarios.in_app import MESSAGE, PER_POST, post
from benchmarks.scenarios.pending import wait_until_idle
from benchmarks.scenarios.running import proportional_set_sizes, restart_with_defaults, set_sizes_by_program
from benchmarks.user_fixtures import DOMAIN, PASSWORD, ids
from benchmarks.wrk import drive

MAX_MB, REST_SECONDS = 900, 10
ACCOUNTS, MAILS = 200, 200


def after_load(bench: Bench) -> list[Figure]:
    """Sign in, read, send single and bulk messages and e-mails; then measure at rest."""
    restart_with_defaults(bench)
    platform, seconds = bench.platform, bench.seconds
    user_ids = ids(bench, PER_POST)
    headers = platform.admin_headers()
    drive(platform.service("auth"), _sign_ins(), seconds, headers={"Content-Type": "application/json"}, connections=8)
    drive(platform.service("auth"), ["POST\t/api/v1/auth/validate"], seconds / 2, headers=headers)
    drive(platform.service("users"), ["GET\t/api/v1/users"], seconds / 2, headers=headers)
    drive(platform.service("city"), anywhere(), seconds / 2)
    messages = [f"POST\t/api/v1/notifications\t{json.dumps({'userId': user} | MESSAGE)}" for user in user_ids]
    drive(
        platform.service("notification"),
        messages,
        seconds,
        headers=headers | {"Content-Type": "application/json"},
        connections=16,
    )
    post(platform, headers, "/bulk", MESSAGE | {"userIds": user_ids})
    mail = {"channel": "EMAIL", "subject": "News", "content": "Much is new. ", "userIds": user_ids[:MAILS]}
    post(platform, headers, "/bulk", mail)
    wait_until_idle(platform)
    time.sleep(REST_SECONDS)
    return [_figure(bench)]


def _figure(bench: Bench) -> Figure:
    sizes = proportional_set_sizes(bench.platform)
    programs = set_sizes_by_program(bench.platform)
    largest = sorted(programs, key=programs.__getitem__, reverse=True)[:4]
    parts = ", ".join(f"{name} {programs[name]:.0f}" for name in largest)
    note = f"{len(sizes)} processes of `make run`, {REST_SECONDS} s after the load; the largest: {parts} MB"
    return Figure("memory of all processes, after load (PSS)", sum(sizes), "MB", [at_most(MAX_MB, "MB")], note=note)


def _sign_ins() -> list[str]:
    accounts = ({"email": f"person{n}@{DOMAIN}", "password": PASSWORD} for n in range(1, ACCOUNTS + 1))
    return [f"POST\t/api/v1/auth/login\t{json.dumps(account)}" for account in accounts]
