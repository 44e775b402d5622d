"""Programs -> the configuration of the package `supervisor` (http://supervisord.org/configuration.html)."""

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from heidi_standalone.errors import CannotRun
from heidi_standalone.supervision.program import GROUPS, Program

WITHOUT_LIMIT = 1_000_000_000
"""Supervisor gives up on a program after so many starts in a row that fail; waits a second more before each."""


def render(programs: Iterable[Program], *, folder: Path, logs: Path, socket: Path) -> str:
    """The whole file."""
    programs = list(programs)
    groups = [
        _section(f"group:{group}", programs=",".join(members), priority=number)
        for number, group in enumerate(GROUPS)
        if (members := [program.name for program in programs if program.group == group])
    ]
    return "\n".join([*_supervisor(logs, socket), *(_program(one, folder, logs) for one in programs), *groups])


def _supervisor(logs: Path, socket: Path) -> list[str]:
    as_root = {"user": "root"} if os.geteuid() == 0 else {}
    rpc = "supervisor.rpcinterface:make_main_rpcinterface"
    return [
        _section(
            "supervisord",
            nodaemon="true",
            logfile=logs / "supervisord.log",
            logfile_maxbytes="1MB",
            logfile_backups=1,
            pidfile=socket.with_name("supervisord.pid"),
            childlogdir=logs,
            umask="022",
            **as_root,
        ),
        _section("unix_http_server", file=socket, chmod="0600"),
        _section("rpcinterface:supervisor", **{"supervisor.rpcinterface_factory": rpc}),
    ]


def _program(program: Program, folder: Path, logs: Path) -> str:
    return _section(
        f"program:{program.name}",
        command=shlex.join(program.command),
        directory=folder,
        environment=_environment(program.env),
        # Each group is started when the one before is ready, and then kept alive whatever happens to it.
        autostart="false",
        autorestart="true",
        startsecs=1,
        startretries=WITHOUT_LIMIT,
        stopsignal=program.stop_signal,
        stopwaitsecs=program.stop_seconds,
        # Not `stopasgroup`: masters end their workers in order. What is left after that is killed with its group.
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=logs / f"{program.name}.log",
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups=2,
    )


def _environment(env: Mapping[str, str]) -> str:
    return ",".join(f"{name}={_quoted(value)}" for name, value in env.items())


def _quoted(value: str) -> str:
    """The format has two kinds of quotation marks and no escape."""
    mark = "'" if '"' in value else '"'
    if mark in value:
        raise CannotRun(f"supervisor's configuration cannot hold both kinds of quotation marks: {value}")
    return f"{mark}{value}{mark}"


def _section(name: str, **options: object) -> str:
    """A percent sign would be an expansion; a comment cannot be escaped at all."""
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in options.items() if value != ""]
    for line in lines:
        if any(sign in line for sign in (" #", " ;", "\n")):
            raise CannotRun(f"supervisor's configuration cannot hold this: {line}")
    return "\n".join([f"[{name}]", *lines, ""])
