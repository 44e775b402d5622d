"""What every row is given: the platform, how long to measure, and prepared loads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.platform_under_test import PRODUCTION, ROOT, Stage, wait_until
from benchmarks.wrk import CONNECTIONS, Load, drive
from heidi_standalone.ports import is_free

FLOOR_SECONDS = 2


@dataclass
class Bench:
    """`seconds` for one load; `quick` also means fewer rows, mails and facts."""

    stage: Stage
    quick: bool = False

    @property
    def seconds(self) -> float:
        return 2.0 if self.quick else 5.0

    def many(self, number: int) -> int:
        """So many in earnest, a fifth of it to try out."""
        return number // 5 if self.quick else number

    def load(
        self,
        base: str,
        requests: Iterable[str],
        *,
        headers: Mapping[str, str] | None = None,
        connections: int = CONNECTIONS,
    ) -> Load:
        """A second to warm up with a quarter of the requests, then the measurement with the others."""
        lines = list(requests)
        part = len(lines) // 4
        drive(base, lines[:part] or lines, 1, headers=headers, connections=connections)
        return drive(base, lines[part:], self.seconds, headers=headers, connections=connections)

    def produce(self) -> None:
        """Have the platform run with production's settings, now."""
        if self.stage.settings != PRODUCTION:
            self.stage.stop()
            self.stage.start(PRODUCTION)

    @cached_property
    def city_ids(self) -> list[str]:
        return [row[0] for row in self.stage.query("SELECT id::text FROM cities ORDER BY md5(id::text)")]

    def floors(self) -> tuple[float, float]:
        """F1 and F2 on gunicorn's settings of a service: two processes with two threads each."""
        port = self.stage.ports.base + 31
        env = {"HEIDI_SERVICE": "city", "WEB_CONCURRENCY": "2", "BIND": f"127.0.0.1:{port}"}
        env |= {"FLOOR_DATABASE": self.stage.database}
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
        child = self.stage.spawn("floors", [*command, "benchmarks.baseline_app:app"], env)
        base = f"http://127.0.0.1:{port}"
        try:
            self._await(port)
            drive(base, ["GET\t/f1"], 1)
            f1 = drive(base, ["GET\t/f1"], FLOOR_SECONDS)
            f2 = drive(base, [f"GET\t/f2/{found}" for found in self.city_ids], FLOOR_SECONDS)
        finally:
            child.terminate()
            child.wait(30)
        return f1.rate, f2.rate

    def _await(self, port: int) -> None:
        wait_until(lambda: not is_free(port), 20)
