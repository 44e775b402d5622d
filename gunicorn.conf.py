"""How gunicorn serves a service, in every deployment. The settings are those of `WebProcess`."""

import gc
import os
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings
from heidi_common.server import bind_check

THREADS = {"city": 2, "users": 2, "core": 250, "notification": 250}
"""Two where an answer is short and made of Python: more would only wait for each other at the interpreter's lock (a
city from PostgreSQL: 1,480/s with two, 900/s with four). Many where each open event stream holds one."""

process = WebProcess.from_env()
service = process.service
wsgi_app = "wsgi:app"
bind = (process.bind or f"127.0.0.1:{SERVICES[service].port if service else 3000}").split(",")
# A socket for each worker, connections dealt out by the kernel. From a shared one, the worker that wakes first takes a
# whole burst of connections and keeps them while they live: the others idle beside it, at a third of the speed.
reuse_port = not any(address.startswith("unix:") for address in bind)
worker_class = "heidi_common.server.gunicorn_worker.WebWorker"
workers = process.workers
threads = (THREADS.get(service, 4) if service else 250) if process.threads is None else process.threads
proc_name = f"heidi-{service or 'all'}"
# One import for all workers: half the memory. Sockets are opened after the fork only.
preload_app = True
# Longer than the router keeps an idle connection, so that it never writes into one we have just closed.
keepalive = 75
# As much as the router lets through, so that whoever sends too much meets its answer.
limit_request_line, limit_request_fields = 8190, 250
graceful_timeout = process.graceful_timeout
timeout = 60
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nosec B108: heartbeats, off the disk
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = os.environ.get("LOG_LEVEL", Settings.log_level).lower()


def on_starting(server: Any) -> None:
    """A taken address ends the start; it would not end the workers' tries. A reload (SIGHUP) does not ask again."""
    if "GUNICORN_PID" in os.environ:
        # An upgrade (USR2) shares the address with the master before it. That one had no socket to hand over, and
        # gunicorn would trip over the empty list.
        os.environ["GUNICORN_FD"] = os.environ["GUNICORN_FD"] or "-1"
    elif reuse_port:
        bind_check.require_free(server.address)


def when_ready(_server: Any) -> None:
    """Before the fork: what is loaded stays out of the garbage collector's walks, which would unshare its memory."""
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """A dead worker's gauges no longer count."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
