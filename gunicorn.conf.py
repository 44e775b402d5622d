"""The configuration of gunicorn for a service, in every deployment. The settings are those of `WebProcess`."""

import gc
import os
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

from heidi_common.config.declaration import ConfigError, read_one
from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import CONSOLE, SERVICES
from heidi_common.config.settings import Settings
from heidi_common.metrics.metric_files import use_allocated_files
from heidi_common.server import bind_check
from heidi_common.server.gunicorn_worker import WebWorker
from heidi_common.startup.gunicorn_logger import PlatformLogger
from heidi_common.startup.process_log import log_error, start_logging

try:
    start_logging(read_one(WebProcess, "service", os.environ) or "web")
except ConfigError:  # reported below
    start_logging("web")
use_allocated_files()
try:
    process = WebProcess.from_env()
    loglevel = read_one(Settings, "log_level", os.environ).lower()
except ConfigError as error:
    log_error(error)
    raise SystemExit(1) from None
service = process.service
wsgi_app = "heidi_console.wsgi:app" if service == CONSOLE.name else "wsgi:app"
bind = (process.bind or f"127.0.0.1:{(SERVICES | {CONSOLE.name: CONSOLE})[service].port if service else 3000}").split(
    ","
)
# One socket per worker, so that the kernel distributes connections. With a shared socket, the worker that wakes first
# accepts a whole burst of connections and keeps them while the others idle, at a third of the throughput.
reuse_port = not any(address.startswith("unix:") for address in bind)
worker_class = "heidi_common.server.gunicorn_worker.WebWorker"
workers = process.workers
threads = process.threads_of(service)
proc_name = f"heidi-{service or 'all'}"
# Several workers share the memory of one import, which halves it. Sockets are opened after the fork only. With a single
# worker, the master process would keep a copy that it does not use.
preload_app = workers > 1
# Longer than the router keeps idle connections, so that it does not reuse one that was just closed.
keepalive = 75
# The router's limits, so that the router rejects larger requests.
limit_request_line, limit_request_fields = 8190, 250
graceful_timeout = process.graceful_timeout
WebWorker.drain_seconds = process.drain_seconds
timeout = 60
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nosec B108: heartbeats, off the disk
control_socket_disable = True
accesslog = None
logger_class = PlatformLogger


def on_starting(server: Any) -> None:
    """Exit if the address is in use: the workers would retry indefinitely. A reload (SIGHUP) does not check again."""
    if "GUNICORN_PID" in os.environ:
        # An upgrade (USR2) shares the address with the previous master, which has no socket to pass on. gunicorn would
        # fail on the empty list.
        os.environ["GUNICORN_FD"] = os.environ["GUNICORN_FD"] or "-1"
    elif reuse_port:
        bind_check.require_free(server.address)


def when_ready(_server: Any) -> None:
    """Exclude loaded objects from garbage collection before the fork: collecting would copy their shared memory."""
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """Remove the gauges of an ended worker from the metrics."""
    if process.metrics_folder:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
