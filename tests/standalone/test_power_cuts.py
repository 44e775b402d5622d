"""Files that a power failure has emptied, cut or padded with zeros, at the next start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from heidi_common.jwt.keys import PublicKeys
from heidi_common.jwt.signing_keys import PrivateKeys
from heidi_standalone.errors import StartupError
from heidi_standalone.home.home import Home
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import Ports
from heidi_standalone.servers.postgres import Postgres
from heidi_standalone.servers.valkey import Valkey

DAMAGES = {
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "cut": lambda content: content[: len(content) // 2],
    "padded": lambda content: content + bytes(512),
    "other": lambda content: b"[1, 2]",
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


def prepared(folder: Path) -> Home:
    home = Home(folder)
    home.prepare()
    home.close()
    return home


def damage_file(path: Path, damage: object) -> None:
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]


@damages
def test_secrets_are_restored_from_the_settings_of_the_previous_start(tmp_path: Path, damage: object) -> None:
    home = prepared(tmp_path)
    before = home.secrets()
    home.env.write_text("".join(f"{name}='{value}'\n" for name, value in before.items()))
    damage_file(tmp_path / "secrets.json", damage)
    after = home.secrets()
    assert [after[name] for name in ("SECRET_KEY", "ENCRYPTION_KEYS")] == [
        before[name] for name in ("SECRET_KEY", "ENCRYPTION_KEYS")
    ]
    assert home.secrets() == after


@damages
def test_lost_secrets_are_named_and_not_replaced_while_data_is_encrypted_with_them(
    tmp_path: Path, damage: object
) -> None:
    home = prepared(tmp_path)
    home.secrets()
    damage_file(tmp_path / "secrets.json", damage)
    damaged = (tmp_path / "secrets.json").read_bytes()
    home.postgres.mkdir()
    (home.postgres / "PG_VERSION").write_text("18")
    with pytest.raises(StartupError, match=r"secrets\.json is missing or damaged.*[Rr]estore it from a backup"):
        home.secrets()
    assert (tmp_path / "secrets.json").read_bytes() == damaged


@damages
def test_lost_secrets_of_a_platform_without_data_are_replaced(tmp_path: Path, damage: object) -> None:
    home = prepared(tmp_path)
    before = home.secrets()
    damage_file(tmp_path / "secrets.json", damage)
    assert home.secrets()["ENCRYPTION_KEYS"] != before["ENCRYPTION_KEYS"]


@damages
def test_lost_credentials_of_core_are_created_again(tmp_path: Path, damage: object) -> None:
    home = prepared(tmp_path)
    home.client.write_text(json.dumps({"CORE_CLIENT_ID": "x", "CORE_CLIENT_SECRET": "y"}))
    damage_file(home.client, damage)
    assert home.core_client() == {}
    programs = {program.name: program.env for program in StandalonePlatform(home, Ports(), {}).services()}
    assert "CORE_CLIENT_ID" not in programs["core"]


@damages
@pytest.mark.parametrize("names", [("private",), ("public",), ("private", "public")], ids="-".join)
def test_keys_are_rebuilt_from_each_other(tmp_path: Path, damage: object, names: tuple[str, ...]) -> None:
    home = prepared(tmp_path)
    old, _ = PrivateKeys(str(home.private_keys)).current()
    for name in names:
        damage_file(tmp_path / "keys" / f"{name}.json", damage)
    prepared(tmp_path)
    signing, _ = PrivateKeys(str(home.private_keys)).current()
    published = PublicKeys(str(home.public_keys))
    assert published.get(signing)
    assert (signing == old) == ("private" not in names)
    if names != ("private", "public"):
        assert published.get(old), "tokens that were signed before are accepted"


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 64, b"abc\n", b"999999999999999999999\n/x\n", b"-1\n", b"0\n", f"{os.getppid()}\n".encode()],
    ids=["empty", "zeros", "text", "huge", "negative", "zero", "foreign"],
)
def test_a_damaged_pid_file_does_not_prevent_a_start(tmp_path: Path, content: bytes) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").write_text("18")
    (tmp_path / "pg" / "postmaster.pid").write_bytes(content)
    server.prepare()
    assert not (tmp_path / "pg" / "postmaster.pid").exists()


def test_the_pid_of_another_postgresql_server_is_not_taken_for_ours(tmp_path: Path) -> None:
    other, server = Postgres(tmp_path / "other", durable=False), Postgres(tmp_path / "pg", durable=False)
    other.start()
    server.prepare()
    (tmp_path / "pg" / "postmaster.pid").write_text(f"{other.pid}\n{tmp_path}/pg\n0\n5432\n\n\n")
    try:
        server.start()
        server.stop()
    finally:
        other.stop()


def test_the_pid_file_of_a_running_server_is_kept(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", durable=False)
    server.start()
    try:
        Postgres(tmp_path / "pg", durable=False).prepare()
        assert (tmp_path / "pg" / "postmaster.pid").exists()
    finally:
        server.stop()


AOF_DAMAGES = {
    "padded": ("incr", lambda content: content + bytes(5000), True),
    "cut": ("incr", lambda content: content[:-7], True),
    "padded-and-cut": ("incr", lambda content: content[:-3] + bytes(100), True),
    "zeros-inside": ("incr", lambda content: content[:-500] + bytes(400) + content[-100:], True),
    "zeros-only": ("incr", lambda content: bytes(4096), False),
    "empty": ("incr", lambda content: b"", False),
    "base-empty": ("base", lambda content: b"", False),
    "base-zeros": ("base", lambda content: bytes(len(content)), False),
    "manifest-empty": ("manifest", lambda content: b"", False),
    "manifest-zeros": ("manifest", lambda content: bytes(88), False),
}


@pytest.mark.parametrize(("part", "damage", "keeps"), AOF_DAMAGES.values(), ids=AOF_DAMAGES)
def test_valkey_starts_with_a_damaged_append_only_file(tmp_path: Path, part: str, damage: object, keeps: bool) -> None:
    server = Valkey(tmp_path / "valkey", password="p" * 20)
    server.start()
    client = redis.Redis.from_url(server.url())
    for number in range(100):
        client.set(f"key-{number}", "x" * 50)
    client.execute_command("WAITAOF", 1, 0, 60_000)
    client.close()
    server.kill()
    (file,) = (tmp_path / "valkey" / "appendonlydir").glob(f"*{part}*")
    damage_file(file, damage)
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        assert (client.get("key-0") is not None) == keeps
        client.set("new", "value")
        client.execute_command("WAITAOF", 1, 0, 60_000)
    server.kill()
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        assert client.get("new") == b"value"
    server.stop()


def test_valkey_makes_hourly_snapshots_and_does_not_depend_on_them(tmp_path: Path) -> None:
    server = Valkey(tmp_path / "valkey", password="p" * 20)
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        assert client.config_get("save") == {"save": "3600 1"}
        assert client.config_get("stop-writes-on-bgsave-error") == {"stop-writes-on-bgsave-error": "no"}
    server.stop()


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_a_file_and_its_folder_are_synced_before_and_after_the_rename(tmp_path: Path, mode: int) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "calls = []; fsync, replace = os.fsync, os.rename\n"
        "def sync(descriptor): calls.append(os.readlink(f'/proc/self/fd/{descriptor}')); fsync(descriptor)\n"
        "os.fsync = sync\n"
        "from heidi_common.server.durable_files import write_durably\n"
        f"write_durably(Path({str(tmp_path / 'file')!r}), 'text', mode={mode})\n"
        "print(*calls, sep='\\n')"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(tmp_path / "file.new"), str(tmp_path)]
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode & ~0o022 | mode & 0o044
