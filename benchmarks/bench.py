"""What every scenario gets: the platform, the duration of measurements, loads and floors."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from benchmarks.platform_under_test import PRODUCTION, ROOT, Platform, wait_until
from benchmarks.wrk import CONNECTIONS, Load, drive
from heidi_standalone.ports import is_free

FLOOR_SECONDS = 2


@dataclass
class Bench:
    """The platform under test. `quick` shortens loads and reduces the number of rows, e-mails and events."""

    platform: Platform
    quick: bool = False

    @property
    def seconds(self) -> float:
        """Duration of one load."""
        return 2.0 if self.quick else 5.0

    def scaled(self, number: int) -> int:
        """Return `number`, or a fifth of it in a quick run."""
        return number // 5 if self.quick else number

    def load(
        self,
        base: str,
        requests: Iterable[str],
        *,
        headers: Mapping[str, str] | None = None,
        connections: int = CONNECTIONS,
    ) -> Load:
        """Warm up for a second with a quarter of the requests, then measure with the others."""
        lines = list(requests)
        quarter = len(lines) // 4
        drive(base, lines[:quarter] or lines, 1, headers=headers, connections=connections)
        return drive(base, lines[quarter:], self.seconds, headers=headers, connections=connections)

    def ensure_production(self) -> None:
        """Restart the platform with production settings if it runs with others."""
        if self.platform.settings != PRODUCTION:
            self.platform.stop()
            self.platform.start(PRODUCTION)

    @cached_property
    def city_ids(self) -> list[str]:
        return [row[0] for row in self.platform.query("SELECT id::text FROM cities ORDER BY md5(id::text)")]

    def floors(self) -> tuple[float, float]:
        """Measure F1 and F2."""
        with self.baseline() as base:
            drive(base, ["GET\t/f1"], 1)
            f1 = drive(base, ["GET\t/f1"], FLOOR_SECONDS)
            f2 = drive(base, [f"GET\t/f2/{city_id}" for city_id in self.city_ids], FLOOR_SECONDS)
        return f1.rate, f2.rate

    @contextmanager
    def baseline(self) -> Iterator[str]:
        """Run `baseline_app` with the gunicorn configuration of a service: two processes with two threads each.

        Yields:
            Its URL.
        """
        port = self.platform.ports.base + 31
        env = {"HEIDI_SERVICE": "city", "WEB_CONCURRENCY": "2", "BIND": f"127.0.0.1:{port}"}
        env |= {"FLOOR_DATABASE": self.platform.database}
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
        self.platform.spawn("floors", [*command, "benchmarks.baseline_app:app"], env)
        try:
            wait_until(lambda: not is_free(port), 20)
            yield f"http://127.0.0.1:{port}"
        finally:
            self.platform.end("floors")
