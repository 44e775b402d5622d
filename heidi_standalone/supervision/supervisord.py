"""The package `supervisor` with the platform's imports preloaded: Python programs are forked from it.

Ten Python processes that import the same libraries take 65 MB and a second of CPU each. Processes forked from one that
has loaded the libraries share most of both. Other programs are executed as usual.
"""

import atexit
import gc
import os
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from setproctitle import setproctitle
from supervisor.options import ServerOptions
from supervisor.supervisord import go

from heidi_common.server.parent_death import die_with_parent

PRELOADED = (
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "heidi_common.app",
    "heidi_common.openapi.documents",
    "heidi_common.jwt.guards",
    "heidi_common.jwt.authentication",
    "heidi_common.peers.client",
    "heidi_common.interceptors.idempotency",
    "heidi_common.messaging.outbox",
    "heidi_common.audit.trail",
)
"""What most services use, with the libraries below it: commands import these lazily, so that each must be named here.

They must not start threads, open sockets or read the environment, so prometheus_client must not be among them."""
HANDLED_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)


class Options(ServerOptions):  # type: ignore[misc]
    """supervisord's options, with an `execve` that runs `python -m module` in the forked process."""

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """Run a program. Called in the forked child; does not return."""
        if argv[:2] != [sys.executable, "-m"]:
            super().execve(filename, argv, env)
        # The supervisor's own code must not continue in the child, whatever happens here.
        os._exit(_run_in_process(argv, env))

    def waitpid(self) -> tuple[int | None, int | None]:
        """Kill the group of an ended process: without it, the workers of a killed nginx would keep its port."""
        pid, status = super().waitpid()
        if pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        return pid, status


def _run_in_process(argv: list[str], env: dict[str, str]) -> int:
    """Run `python -m module arguments` in this process; return its exit status."""
    for number in HANDLED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent(signal.SIGTERM)
    os.environ.clear()
    os.environ.update(env)
    sys.argv, sys.path[0] = argv[2:], str(Path.cwd())
    setproctitle(" ".join(argv))
    try:
        return _run_module(argv[2])
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def _run_module(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # nothing above this could report it
        traceback.print_exc()
        return 1
    return 0


def main(arguments: list[str]) -> None:
    """Run supervisord's own loop once, without its restart on SIGHUP."""
    for module in PRELOADED:
        import_module(module)
    gc.collect()
    gc.freeze()
    options: Any = Options()
    options.realize(arguments, doc=__doc__)
    options.first, options.test = True, False
    go(options)
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1:])
