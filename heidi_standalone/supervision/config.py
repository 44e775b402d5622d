"""The configuration of the package `supervisor` (http://supervisord.org/configuration.html)."""

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from heidi_standalone.errors import StartupError
from heidi_standalone.supervision.program import GROUPS, Program

UNLIMITED_RETRIES = 1_000_000_000
"""Failed starts in a row after which supervisor gives up. It waits one second longer before each."""


def render(programs: Iterable[Program], *, folder: Path, logs: Path, socket: Path) -> str:
    """Render the configuration file.

    Args:
        programs: The programs of all groups.
        folder: Their working folder.
        logs: Folder of their logs.
        socket: Unix socket of supervisor's API.

    Raises:
        StartupError: A value cannot be represented in the format.
    """
    programs = list(programs)
    groups = [
        _section(f"group:{group}", programs=",".join(members), priority=number)
        for number, group in enumerate(GROUPS)
        if (members := [program.name for program in programs if program.group == group])
    ]
    return "\n".join([*_supervisor(logs, socket), *(_program(program, folder, logs) for program in programs), *groups])


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
        _section("supervisorctl", serverurl=f"unix://{socket}"),
    ]


def _program(program: Program, folder: Path, logs: Path) -> str:
    return _section(
        f"program:{program.name}",
        command=shlex.join(program.command),
        directory=folder,
        environment=_environment(program.env),
        # Each group is started once the previous one is ready; from then on its programs are always restarted.
        autostart="false",
        autorestart="true",
        startsecs=1,
        startretries=UNLIMITED_RETRIES,
        stopsignal=program.stop_signal,
        stopwaitsecs=program.stop_seconds,
        # Not `stopasgroup`: masters stop their workers cleanly. Remaining processes are killed with their group.
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=logs / f"{program.name}.log",
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups=2,
    )


def _environment(env: Mapping[str, str]) -> str:
    return ",".join(f"{name}={_quoted(value)}" for name, value in env.items())


def _quoted(value: str) -> str:
    """Quote a value. The format has two kinds of quotation marks and no escape character."""
    quote = "'" if '"' in value else '"'
    if quote in value:
        raise StartupError(f"This value must not contain both kinds of quotation marks: {value}")
    return f"{quote}{value}{quote}"


def _section(name: str, **options: object) -> str:
    """Render a section. Percent signs are escaped, since they start an expansion; comment signs cannot be escaped."""
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in options.items() if value != ""]
    for line in lines:
        if any(sign in line for sign in (" #", " ;", "\t;", "\t#", "\n", "\r")) or line != line.strip():
            raise StartupError(
                f"This value must not contain ' #', ' ;' or a line break, nor end with a space: {line!r}. "
                "If it is the path of the checkout, move the checkout."
            )
    return "\n".join([f"[{name}]", *lines, ""])
