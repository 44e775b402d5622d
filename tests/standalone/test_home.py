"""HEIDI_HOME, the ports, and the environment that everything is told."""

import json
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from heidi_common.config.settings import Settings
from heidi_common.jwt.keys import PublicKeys
from heidi_common.jwt.signing_keys import PrivateKeys
from heidi_services import SERVICES
from heidi_standalone.errors import CannotRun
from heidi_standalone.home import Home
from heidi_standalone.platform import Platform
from heidi_standalone.ports import Ports, require_free
from tests.ports import free_port


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_secrets_and_keys_are_made_once_and_for_their_owner_alone(home: Home) -> None:
    first, key = home.secrets(), home.private_keys.read_text()
    home.close()
    again = Home(home.folder)
    again.prepare()
    assert (again.secrets(), again.private_keys.read_text()) == (first, key)
    for path in (home.private_keys, home.folder / "secrets.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kid, _ = PrivateKeys(str(home.private_keys)).current()
    assert PublicKeys(str(home.public_keys)).get(kid)
    assert "d" not in json.loads(home.public_keys.read_text())["keys"][0]


def test_two_platforms_in_one_folder_are_refused(home: Home) -> None:
    with pytest.raises(CannotRun, match="already running"):
        Home(home.folder).prepare()


def test_a_taken_port_is_named_together_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotRun, match=f"port {port} for the router .*--port"):
            require_free(port, "the router", "choose another with --port")
    require_free(free_port(), "the router", "")


def test_what_everything_is_told_are_settings_that_can_be_used(home: Home) -> None:
    platform = Platform(home, Ports(router=18080, base=13001), {})
    settings = Settings.from_env(platform.env)
    assert (settings.environment, settings.base_port) == ("standalone", 13001)
    assert settings.public_base_url == "http://localhost:18080"
    assert str(settings.outbound_allow_nets[0]) == "127.0.0.0/8"
    assert settings.redis_url != settings.broker_url


def test_the_signing_keys_are_for_auth_alone_and_cores_credentials_for_core_and_the_worker(home: Home) -> None:
    home.client.write_text('{"CORE_CLIENT_ID": "x"}')
    platform = Platform(home, Ports(), {})
    programs = {program.name: program.env for program in platform.services()}
    assert [name for name, env in programs.items() if "JWT_PRIVATE_KEYS" in env] == ["auth"]
    assert sorted(name for name, env in programs.items() if "CORE_CLIENT_ID" in env) == ["core", "worker"]
    assert "JWT_PRIVATE_KEYS" not in platform.env
    assert list(programs) == [*SERVICES, "worker", "relay", "clock"]


def test_a_server_that_is_given_is_not_started_here(home: Home) -> None:
    given = {"DATABASE_URL": "postgresql://x/y", "BROKER_URL": "amqp://z", "SMTP_URL": "smtp://m"}
    with_valkey = Platform(home, Ports(), given)
    assert [program.name for program in with_valkey.servers()] == ["valkey"]
    assert with_valkey.env["BROKER_URL"] == "amqp://z"
    nothing = Platform(home, Ports(), given | {"REDIS_URL": "redis://r"})
    assert list(nothing.servers()) == []


def test_ports_follow_the_base() -> None:
    ports = replace(Ports(), base=4001)
    assert [ports.service(name) for name in SERVICES] == list(range(4001, 4008))


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    from heidi_standalone.private_files import write_private

    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
