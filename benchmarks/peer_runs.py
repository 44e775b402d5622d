"""Runs peers on the servers of the platform under test, in a database of their own."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.measurements import CpuPerJob, Figure, skipped
from benchmarks.peers.environment import PeerResult, PeerUnavailable, run_peer
from benchmarks.platform_under_test import Platform
from benchmarks.process_times import CpuMeter

DATABASE = "heidi_peers"


@dataclass(frozen=True)
class PeerRun:
    """What a peer has done, or why it has not (`reason`)."""

    name: str
    result: PeerResult | None = None
    cpu: CpuPerJob | None = None
    reason: str = ""

    def figure(
        self, work: str, contest: str, value: float, unit: str = "/s", *, cpu: CpuPerJob | None = None
    ) -> Figure:
        """Make a figure of one of its results; `value` is ignored if it was not measured."""
        if self.result is None:
            return skipped(f"{self.name}: {work}", self.reason)
        return Figure(f"{self.name}: {work}", value, unit, cpu=cpu, contest=contest, contender=self.name)

    @property
    def accepted(self) -> float:
        return self.result.accepted if self.result else 0.0

    @property
    def completed(self) -> float:
        return self.result.completed if self.result else 0.0


def run(bench: Bench, name: str, script: str, count: int) -> PeerRun:
    """Let a peer do `count` jobs.

    Args:
        bench: Its platform must be running.
        name: The name of the peer in tables.
        script: A file of `benchmarks/peers`.
        count: Number of jobs.
    """
    platform = bench.platform
    options = ["--database", _database(platform), "--redis", _redis(platform)]
    options += ["--smtp", f"127.0.0.1:{platform.sink_port}", "--count", str(count)]
    meter = CpuMeter(platform)
    try:
        result = run_peer(script, *options)
    except PeerUnavailable as unavailable:
        return PeerRun(name, reason=str(unavailable))
    return PeerRun(name, result, meter.of_peer(result.cpu_ms, count))


def _database(platform: Platform) -> str:
    """Return the URL of the peers' database, which is created the first time."""
    if not platform.query("SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
        platform.query(f"CREATE DATABASE {DATABASE}")
    server, _, options = platform.database.partition("?")
    return f"{server.rpartition('/')[0]}/{DATABASE}?{options}"


def _redis(platform: Platform) -> str:
    """Return the URL of a database of Valkey that the platform does not use."""
    return f"{platform.env['REDIS_URL'].partition('?')[0]}?db=2"
