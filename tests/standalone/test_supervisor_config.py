"""What supervisor reads is what we meant, odd characters included: it is read with its own parser."""

import os
import shlex
import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from heidi_standalone.errors import CannotRun
from heidi_standalone.supervision import config as supervisor_config
from heidi_standalone.supervision.program import ROUTER, SERVERS, SERVICES, Program

ODD = '50% of {"it": [1, 2]}; a=b,c=d#1 \\n $HOME'
PROGRAMS = [
    Program("nginx", ROUTER, ["/bin/sh", "-c", "echo 'a b' \"c\" 100%"]),
    Program("auth", SERVICES, [sys.executable, "-m", "gunicorn"], {"HEIDI_SERVICE": "auth", "ODD": ODD}),
    Program("postgres", SERVERS, ["/bin/true"], stop_signal="INT", stop_seconds=30),
]


@pytest.fixture
def options(tmp_path: Path) -> ServerOptions:
    """Our rendering, as supervisor understands it."""
    config = tmp_path / "supervisord.conf"
    config.write_text(
        supervisor_config.render(PROGRAMS, folder=tmp_path, logs=tmp_path, socket=tmp_path / "supervisor.sock")
    )
    options = ServerOptions()
    options.realize(["-c", str(config)], doc="")
    return options


def program(options: ServerOptions, name: str) -> object:
    return next(one for group in options.process_group_configs for one in group.process_configs if one.name == name)


def test_groups_start_in_order_and_stop_in_the_opposite_one(options: ServerOptions) -> None:
    groups = sorted(options.process_group_configs)
    assert [group.name for group in groups] == [SERVERS, SERVICES, ROUTER]


def test_a_program_is_restarted_without_limit(options: ServerOptions) -> None:
    found = program(options, "auth")
    assert found.autorestart is not False
    assert found.startretries >= 1_000_000
    assert found.killasgroup


def test_commands_and_variables_arrive_as_they_were_given(options: ServerOptions) -> None:
    assert shlex.split(program(options, "nginx").command) == ["/bin/sh", "-c", "echo 'a b' \"c\" 100%"]
    assert program(options, "auth").environment["ODD"] == ODD
    assert (program(options, "postgres").stopsignal, program(options, "postgres").stopwaitsecs) == (2, 30)


def test_nothing_of_it_is_readable_over_the_network(options: ServerOptions) -> None:
    (server,) = options.server_configs
    assert (server["section"], server["chmod"]) == ("unix_http_server", 0o600)
    assert os.fspath(options.logfile).endswith("supervisord.log")


@pytest.mark.parametrize("text", ["a #1", "a ;1", "a\n[program:x]", """both " and '"""])
def test_what_the_format_cannot_hold_is_refused_and_not_cut_off(tmp_path: Path, text: str) -> None:
    with pytest.raises(CannotRun):
        supervisor_config.render(
            [Program("x", SERVICES, ["true"], {"X": text})], folder=tmp_path, logs=tmp_path, socket=tmp_path / "s"
        )
