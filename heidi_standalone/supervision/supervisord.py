"""The package `supervisor`, with the platform's imports loaded: Python programs are forked from it, not started anew.

Ten Python processes that import the same libraries take 65 MB and a second of CPU each. Forked from one that has them
already, they share most of both. Programs of other kinds are executed as ever.
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
)
"""Nothing that starts a thread, opens a socket, or reads the environment: prometheus_client must not be among it."""
TAKEN = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)


class Options(ServerOptions):  # type: ignore[misc]
    """supervisord's options, whose `execve` knows a quicker way to ``python -m module``."""

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """Called in the forked child; does not return."""
        if argv[:2] != [sys.executable, "-m"]:
            super().execve(filename, argv, env)
        # Whatever happens in here, nothing of the supervisor may go on in the child.
        os._exit(_become(argv, env))

    def waitpid(self) -> tuple[int | None, int | None]:
        """What a killed master leaves behind goes with it: nginx's workers would keep its port for ever."""
        pid, status = super().waitpid()
        if pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        return pid, status


def _become(argv: list[str], env: dict[str, str]) -> int:
    """Run ``python -m module arguments`` in this process; its exit status."""
    for number in TAKEN:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent(signal.SIGTERM)
    os.environ.clear()
    os.environ.update(env)
    sys.argv, sys.path[0] = argv[2:], str(Path.cwd())
    setproctitle(" ".join(argv))
    try:
        return _run(argv[2])
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def _run(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # the last place where it can be told
        traceback.print_exc()
        return 1
    return 0


def main(arguments: list[str]) -> None:
    """supervisord's own loop, without its restart on SIGHUP."""
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
