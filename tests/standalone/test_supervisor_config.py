"""The rendered configuration, read by supervisor's own parser, special characters included."""

import os
import shlex
import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from heidi_standalone.errors import StartupError
from heidi_standalone.supervision import config as supervisor_config
from heidi_standalone.supervision.program import ROUTER, SERVERS, SERVICES, Program

SPECIAL = '50% of {"it": [1, 2]}; a=b,c=d#1 \\n $HOME'
PROGRAMS = [
    Program("nginx", ROUTER, ["/bin/sh", "-c", "echo 'a b' \"c\" 100%"]),
    Program("auth", SERVICES, [sys.executable, "-m", "gunicorn"], {"HEIDI_SERVICE": "auth", "SPECIAL": SPECIAL}),
    Program("postgres", SERVERS, ["/bin/true"], stop_signal="INT", stop_seconds=30),
]


@pytest.fixture
def options(tmp_path: Path) -> ServerOptions:
    """The rendered configuration as supervisor parses it."""
    config = tmp_path / "supervisord.conf"
    config.write_text(
        supervisor_config.render(PROGRAMS, folder=tmp_path, logs=tmp_path, socket=tmp_path / "supervisor.sock")
    )
    options = ServerOptions()
    options.realize(["-c", str(config)], doc="")
    return options


def program(options: ServerOptions, name: str) -> object:
    return next(item for group in options.process_group_configs for item in group.process_configs if item.name == name)


def test_groups_are_in_start_order(options: ServerOptions) -> None:
    groups = sorted(options.process_group_configs)
    assert [group.name for group in groups] == [SERVERS, SERVICES, ROUTER]


def test_a_program_is_restarted_without_limit(options: ServerOptions) -> None:
    auth = program(options, "auth")
    assert auth.autorestart is not False
    assert auth.startretries >= 1_000_000
    assert auth.killasgroup


def test_commands_and_variables_are_preserved(options: ServerOptions) -> None:
    assert shlex.split(program(options, "nginx").command) == ["/bin/sh", "-c", "echo 'a b' \"c\" 100%"]
    assert program(options, "auth").environment["SPECIAL"] == SPECIAL
    assert (program(options, "postgres").stopsignal, program(options, "postgres").stopwaitsecs) == (2, 30)


def test_supervisor_does_not_listen_on_the_network(options: ServerOptions) -> None:
    (server,) = options.server_configs
    assert (server["section"], server["chmod"]) == ("unix_http_server", 0o600)
    assert os.fspath(options.logfile).endswith("supervisord.log")


@pytest.mark.parametrize("text", ["a #1", "a ;1", "a\n[program:x]", """both " and '"""])
def test_values_that_the_format_cannot_represent_are_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartupError):
        supervisor_config.render(
            [Program("x", SERVICES, ["true"], {"X": text})], folder=tmp_path, logs=tmp_path, socket=tmp_path / "s"
        )
