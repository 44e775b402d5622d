"""Load by `wrk` (https://github.com/wg/wrk): one thread and 32 connections, unless told otherwise."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("request_paths.lua")
CONNECTIONS = 32
MISSING = "wrk is not installed: `apt-get install wrk` (make bench does so when it runs as root)"


@dataclass(frozen=True)
class Load:
    """What came of it; latencies in milliseconds. `refused`: answered with 4xx or 5xx; `failed`: not answered."""

    requests: int
    seconds: float
    refused: int
    failed: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return max(self.requests - self.refused, 0) / self.seconds

    @property
    def trouble(self) -> str:
        """A remark when not every request got a good answer."""
        return f"{self.refused} refused, {self.failed} unanswered" if self.refused or self.failed else ""


def require() -> None:
    """Make sure that there is a wrk; SystemExit says what to do."""
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing wrk ...", flush=True)
        install = ["apt-get", "-qy", "install", "--no-install-recommends", "wrk"]
        for command in (["apt-get", "-q", "update"], install):
            subprocess.run(command, check=False, timeout=600, capture_output=True)
    if not shutil.which("wrk"):
        raise SystemExit(MISSING)


def drive(
    base: str,
    requests: Iterable[str],
    seconds: float,
    *,
    headers: Mapping[str, str] | None = None,
    connections: int = CONNECTIONS,
    enough: Callable[[], bool] | None = None,
) -> Load:
    """Send `requests` ("METHOD<tab>path[<tab>body]") in their order, over and over, for that many seconds.

    Or until `enough` says so, which is asked now and then.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.writelines(f"H\t{name}\t{value}\n" for name, value in (headers or {}).items())
        file.writelines(f"{line}\n" for line in requests)
        file.flush()
        limits = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command = ["wrk", *limits, "-s", str(SCRIPT), base, "--", file.name]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        while enough is not None and child.poll() is None:
            time.sleep(0.1)
            if enough():
                child.send_signal(signal.SIGINT)
                break
        output, _ = child.communicate(timeout=seconds + 60)
    if child.returncode:
        raise RuntimeError(f"wrk failed: {output.strip()[-300:]}")
    return Load(**json.loads(output.strip().splitlines()[-1]))
