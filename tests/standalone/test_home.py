"""HEIDI_HOME, the ports, and the environment of the programs."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heidi_common.config.settings import Settings
from heidi_common.jwt.keys import PublicKeys
from heidi_common.jwt.signing_keys import PrivateKeys
from heidi_services import SERVICES
from heidi_standalone.errors import StartupError
from heidi_standalone.home.home import Home
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import Ports, require_free
from tests.ports import free_port


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    prepared = Home(tmp_path / "home")
    prepared.prepare()
    yield prepared
    prepared.close()


def test_secrets_and_keys_are_created_once_and_only_readable_by_their_owner(home: Home) -> None:
    first, key = home.secrets(), home.private_keys.read_text()
    home.close()
    again = Home(home.folder)
    again.prepare()
    again.close()
    assert (again.secrets(), again.private_keys.read_text()) == (first, key)
    for path in (home.private_keys, home.folder / "secrets.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kid, _ = PrivateKeys(str(home.private_keys)).current()
    assert PublicKeys(str(home.public_keys)).get(kid)
    assert "d" not in json.loads(home.public_keys.read_text())["keys"][0]


def test_a_second_platform_in_one_folder_is_rejected(home: Home) -> None:
    with pytest.raises(StartupError, match="already running"):
        Home(home.folder).prepare()


def test_a_port_in_use_is_reported_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartupError, match=f"Port {port} for the router .*--port"):
            require_free(port, "the router", "Choose another one with --port.")
    require_free(free_port(), "the router", "")


def test_the_generated_environment_is_valid(home: Home) -> None:
    platform = StandalonePlatform(home, Ports(router=18080, base=13001), {})
    settings = Settings.from_env(platform.env)
    assert (settings.environment, settings.base_port) == ("standalone", 13001)
    assert settings.public_base_url == "http://localhost:18080"
    assert str(settings.outbound_allow_nets[0]) == "127.0.0.0/8"
    assert settings.redis_url != settings.broker_url


def test_other_commands_get_the_settings_of_the_caller(home: Home) -> None:
    """`flask doctor` would otherwise check the folder of files, and not the bucket."""
    chosen = {"FILES_URL": "s3://bucket", "CLAMAV_URL": "tcp://clamd:3310", "DNS_SERVER_FILE": "/run/dns"}
    ignored = {"HOME": "/home/ada", "HEIDI_SERVICE": "auth", "LOG_LEVEL": "", "UNKNOWN": "x"}
    platform = StandalonePlatform(home, Ports(), chosen | ignored)
    assert platform.stored_env == StandalonePlatform(home, Ports(), {}).stored_env | chosen
    assert platform.stored_env.keys() >= platform.generated_env.keys()


def test_only_auth_gets_the_signing_keys_and_only_core_and_the_worker_get_cores_credentials(home: Home) -> None:
    home.client.write_text('{"CORE_CLIENT_ID": "x"}')
    platform = StandalonePlatform(home, Ports(), {})
    programs = {program.name: program.env for program in platform.services()}
    assert [name for name, env in programs.items() if "JWT_PRIVATE_KEYS" in env] == ["auth"]
    assert sorted(name for name, env in programs.items() if "CORE_CLIENT_ID" in env) == ["core", "worker"]
    assert "JWT_PRIVATE_KEYS" not in platform.env
    assert list(programs) == [*SERVICES, "worker", "realtime", "relay", "clock"]


def test_an_external_server_is_not_started(home: Home) -> None:
    external = {"DATABASE_URL": "postgresql://x/y", "BROKER_URL": "amqp://z", "SMTP_URL": "smtp://m"}
    with_valkey = StandalonePlatform(home, Ports(), external)
    assert [program.name for program in with_valkey.servers()] == ["valkey"]
    assert with_valkey.env["BROKER_URL"] == "amqp://z"
    without_servers = StandalonePlatform(home, Ports(), external | {"REDIS_URL": "redis://r"})
    assert list(without_servers.servers()) == []


def test_ports_follow_the_base() -> None:
    ports = replace(Ports(), base=4001)
    assert [ports.service(name) for name in SERVICES] == list(range(4001, 4001 + len(SERVICES)))


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    from heidi_standalone.home.private_files import write_private

    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
