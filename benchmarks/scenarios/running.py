"""Start-up time and memory of `make run`, with its default settings."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.user_fixtures import DOMAIN, PASSWORD, ids
from benchmarks.wrk import drive

IDLE_SECONDS = 10
ACCOUNTS = 1000


def start(bench: Bench) -> list[Figure]:
    """Measure a second start: everything is installed, and the database has been set up."""
    if bench.platform.settings or bench.platform.process is None:
        _restart_with_defaults(bench)
    bench.platform.stop()
    seconds = bench.platform.start()
    return [Figure("start of `make run`, already installed", seconds, "s", [at_most(15, "s")])]


def memory(bench: Bench) -> list[Figure]:
    """Measure the proportional set size of all processes, in which shared memory counts once, before and after load."""
    if bench.platform.settings or bench.platform.process is None:
        _restart_with_defaults(bench)
    time.sleep(IDLE_SECONDS)
    idle = _all_memory(bench, "memory of all processes, idle (PSS)", f"{IDLE_SECONDS} s after the start")
    _load_all(bench)
    time.sleep(IDLE_SECONDS)
    after = f"{IDLE_SECONDS} s after sign-ins, reads of users and cities, and notifications"
    return [idle, _all_memory(bench, "memory of all processes after load (PSS)", after)]


def _all_memory(bench: Bench, work: str, note: str) -> Figure:
    assert bench.platform.process is not None
    root = psutil.Process(bench.platform.process.pid)
    processes = [root, *root.children(recursive=True)]
    goals = [at_most(900, "MB")]
    return Figure(work, sum(map(_pss, processes)), "MB", goals, note=f"{len(processes)} processes, {note}")


def _load_all(bench: Bench) -> None:
    platform, json_type = bench.platform, {"Content-Type": "application/json"}
    users = ids(bench, ACCOUNTS)
    headers = platform.admin_headers() | json_type
    accounts = ({"email": f"person{n}@{DOMAIN}", "password": PASSWORD} for n in range(1, ACCOUNTS + 1))
    message = {"channel": "IN_APP", "subject": "Your order is on its way", "content": "It will be there on Friday."}
    loads: dict[str, list[str]] = {
        "auth": [f"POST\t/api/v1/auth/login\t{json.dumps(account)}" for account in accounts],
        "users": [f"GET\t/api/v1/users/{user}" for user in users],
        "city": [f"GET\t/api/v1/cities/{city}" for city in bench.city_ids],
        "notification": [f"POST\t/api/v1/notifications\t{json.dumps({'userId': u} | message)}" for u in users],
        "core": ["GET\t/api/v1/core/events"],
    }
    for service, lines in loads.items():
        drive(platform.service(service), lines, bench.seconds, headers=headers)


def _restart_with_defaults(bench: Bench) -> None:
    bench.platform.stop()
    bench.platform.start()


def _pss(process: psutil.Process) -> float:
    """Return the proportional set size in MB; 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
