"""Files of metrics that are damaged, or for which the disk has no space."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest, mmap_dict

from heidi_common.metrics import metric_files
from heidi_common.metrics.metric_files import AllocatedDict, ReadableFilesCollector

KEY = '["requests", "requests_total", {}, "help"]'


def write_metric(folder: Path, name: str, value: float = 1.0) -> Path:
    metrics = AllocatedDict(str(folder / name))
    metrics.write_value(KEY, value, 0.0)
    metrics.close()
    return folder / name


def exposed(folder: Path) -> str:
    registry = CollectorRegistry()
    ReadableFilesCollector(registry, str(folder))
    return generate_latest(registry).decode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 100,
        (5000).to_bytes(4, "little") + b"\x07" * 5000,
        (32).to_bytes(8, "little") + bytes(24),
        (40).to_bytes(8, "little") + (4).to_bytes(4, "little") + b"text" + bytes(40),
    ],
    ids=["empty", "byte", "ones", "overrun", "zeros", "no-key"],
)
@pytest.mark.parametrize("name", ["counter_99.db", "gauge_livesum_99.db", "histogram_99.db"])
def test_a_damaged_file_is_left_out(tmp_path: Path, content: bytes, name: str) -> None:
    write_metric(tmp_path, "counter_1.db", 2.0)
    write_metric(tmp_path, "counter_2.db", 3.0)
    (tmp_path / name).write_bytes(content)
    assert "requests_total 5.0" in exposed(tmp_path)


@pytest.mark.parametrize("name", ["counter.db", "counter_1_2_3.db", "gauge_1.db", "nonsense_1.db"])
def test_a_file_with_another_name_does_no_harm(tmp_path: Path, name: str) -> None:
    write_metric(tmp_path, "counter_1.db", 2.0)
    (tmp_path / name).write_bytes(b"x" * 200)
    assert "requests_total 2.0" in exposed(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, bytes(200)], ids=["empty", "ones", "zeros"])
def test_a_process_replaces_a_damaged_file_of_its_own(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "counter_1.db").write_bytes(content)
    write_metric(tmp_path, "counter_1.db", 4.0)
    assert "requests_total 4.0" in exposed(tmp_path)


def test_the_space_is_allocated_also_when_a_file_grows(tmp_path: Path) -> None:
    metrics = AllocatedDict(str(tmp_path / "counter_1.db"))
    for number in range(3000):
        metrics.write_value(f'["requests", "requests_total", {{"route": "{number}"}}, "help"]', number, 0.0)
    metrics.close()
    status = (tmp_path / "counter_1.db").stat()
    assert status.st_size > mmap_dict._INITIAL_MMAP_SIZE
    assert status.st_blocks * 512 >= status.st_size
    assert exposed(tmp_path).count("requests_total{") == 3000


@pytest.mark.parametrize("allocations", [0, 1, 2])
def test_without_space_values_are_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allocations: int
) -> None:
    remaining = [metric_files.allocate] * allocations

    def allocate(descriptor: int, size: int) -> None:
        if not remaining:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        remaining.pop()(descriptor, size)

    monkeypatch.setattr(metric_files, "allocate", allocate)
    metrics = AllocatedDict(str(tmp_path / "counter_1.db"))
    keys = [f'["requests", "requests_total", {{"route": "{number}"}}, "help"]' for number in range(4000)]
    for number, key in enumerate(keys):
        metrics.write_value(key, number, 0.0)
    assert [metrics.read_value(key)[0] for key in keys] == list(range(4000))
    metrics.close()


def limit_files() -> None:
    """A limit of the size of files, in place of a full disk: any process may set it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_process_that_cannot_extend_its_file_works_on(tmp_path: Path) -> None:
    script = (
        "from heidi_common.metrics.metric_files import use_allocated_files; use_allocated_files()\n"
        "from prometheus_client import Counter; counter = Counter('requests', 'help', ['route'])\n"
        "for number in range(5000): counter.labels(number).inc()\n"
        "print(counter.labels(4999)._value.get())"
    )
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, env=env, preexec_fn=limit_files, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "1.0"), run.stderr
